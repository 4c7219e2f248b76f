"""torch.fx.traceback: what nodes that are made now take over from nodes that are run now."""

import traceback
from contextlib import contextmanager
from threading import local

__all__ = ["annotate", "format_stack", "get_current_meta", "has_preserved_node_meta",
           "preserve_node_meta", "reset_grad_fn_seq_nr", "set_current_meta",
           "set_stack_trace"]  # fmt: skip


class _State(local):
    meta: dict = {}
    preserving = False


_STATE = _State()


@contextmanager
def preserve_node_meta(enable=True):
    """A block in which new nodes get the meta of the node that is run."""
    before = _STATE.preserving, _STATE.meta
    _STATE.preserving, _STATE.meta = enable, dict(_STATE.meta)
    try:
        yield
    finally:
        _STATE.preserving, _STATE.meta = before


@contextmanager
def set_current_meta(node, pass_name=""):
    """A block in which `node` is the one that is run."""
    if not _STATE.preserving or not node.meta:
        yield
        return
    before = _STATE.meta
    _STATE.meta = {**node.meta, "from_node": [(node.name, node.target)]}
    try:
        yield
    finally:
        _STATE.meta = before


@contextmanager
def annotate(annotation_dict):
    """A block in which new nodes get `meta["custom"]`."""
    before = _STATE.preserving, _STATE.meta
    _STATE.preserving = True
    _STATE.meta = {**_STATE.meta, "custom": {**_STATE.meta.get("custom", {}), **annotation_dict}}
    try:
        yield
    finally:
        _STATE.preserving, _STATE.meta = before


def set_stack_trace(stack):
    """The lines that new nodes are said to come from."""
    if _STATE.preserving and stack:
        _STATE.meta["stack_trace"] = "".join(stack)


def format_stack():
    """The lines that new nodes come from."""
    if _STATE.preserving:
        return [_STATE.meta.get("stack_trace", "")]
    return traceback.format_list(traceback.extract_stack()[:-1])


def has_preserved_node_meta():
    """Whether new nodes take meta over."""
    return _STATE.preserving


def get_current_meta():
    """What they take over."""
    return _STATE.meta


def reset_grad_fn_seq_nr():
    """Nothing is numbered here."""
