"""The collective operations of a group with one member, for programs that also run alone."""

import os

from ..base.errors import hinted

_STATE = {"backend": None}


class ReduceOp:
    """How all_reduce combines; with one process nothing is combined."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR = (
        "sum", "avg", "product", "min", "max", "band", "bor", "bxor")  # fmt: skip


class Backend(str):
    """The name of a means of communication."""

    GLOO, NCCL, MPI, UNDEFINED = "gloo", "nccl", "mpi", "undefined"


class ProcessGroup:
    """The processes that take part: this one."""

    def rank(self):
        return 0

    def size(self):
        return 1


class group:
    """group.WORLD: all processes."""

    WORLD = ProcessGroup()


class _Done:
    """What an operation started with async_op gives: it has ended."""

    def wait(self, timeout=None):
        return True

    def is_completed(self):
        return True


def is_available():
    """False: several processes cannot work together."""
    return False


def is_initialized():
    return _STATE["backend"] is not None


is_gloo_available = is_mpi_available = is_nccl_available = is_torchelastic_launched = is_available


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1,
                       store=None, group_name="", pg_options=None, device_id=None):  # fmt: skip
    """Begin a group of one process; RuntimeError if more are asked for.

    >>> import tidu as torch
    >>> torch.distributed.init_process_group("gloo", world_size=1, rank=0)
    >>> torch.distributed.get_world_size()
    1
    >>> torch.distributed.destroy_process_group()
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    size = int(os.environ.get("WORLD_SIZE", 1)) if world_size == -1 else world_size
    if size > 1:
        raise RuntimeError(
            hinted(
                f"A process group of {size} processes is not available.",
                "run the program in one process: unset WORLD_SIZE, or pass world_size=1.",
            )
        )
    _STATE["backend"] = Backend(backend or "gloo")


def destroy_process_group(group=None):
    """End the group."""
    _STATE["backend"] = None


def _check():
    if not is_initialized():
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )


def get_rank(group=None):
    _check()
    return 0


def get_world_size(group=None):
    _check()
    return 1


def get_backend(group=None):
    _check()
    return _STATE["backend"]


def get_default_backend_for_device(device):
    return "gloo"


def new_group(ranks=None, **options):
    _check()
    return group.WORLD


def _unchanged(tensor, *args, async_op=False, **options):
    """With one process the tensor is the result already."""
    _check()
    return _Done() if async_op else None


all_reduce = reduce = broadcast = broadcast_object_list = _unchanged


def barrier(group=None, async_op=False, device_ids=None):
    """Wait for all processes: there are no others."""
    _check()
    return _Done() if async_op else None


monitored_barrier = barrier


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """The tensor of each process into `tensor_list`."""
    _check()
    tensor_list[0].copy_(tensor)
    return _Done() if async_op else None


def all_gather_object(object_list, obj, group=None):
    _check()
    object_list[0] = obj


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    _check()
    output_tensor.copy_(input_tensor.reshape(output_tensor.shape))
    return _Done() if async_op else None


def gather(tensor, gather_list=None, dst=0, group=None, async_op=False):
    return all_gather(gather_list, tensor, group, async_op)


def scatter(tensor, scatter_list=None, src=0, group=None, async_op=False):
    _check()
    tensor.copy_(scatter_list[0])
    return _Done() if async_op else None


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    return scatter(output, input_list, 0, group, async_op)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    return all_gather(output_tensor_list, input_tensor_list[0], group, async_op)


def _alone(*args, **kwargs):
    _check()
    raise RuntimeError("There is no other process to send to or to receive from.")


send = recv = isend = irecv = _alone
