"""Tensors made in inference mode are marked, and kept out of what is tracked."""

import threading

import pytest

import tidu as torch


def made_inside():
    with torch.inference_mode():
        return torch.ones(2) * 2


def test_marks():
    w = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        made, product, view = torch.ones(2), w * 2, w[:1]
        with torch.inference_mode():
            nested = made + 1
        again = made + 1
    assert all(t.is_inference() for t in (made, product, nested, again))
    assert not product.requires_grad and not w.is_inference() and not view.is_inference()
    assert not made.clone().is_inference() and not (w * 2).is_inference()


def test_refusals():
    x, w = made_inside(), torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        w * x
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
        x.requires_grad_()
    assert (w + x).requires_grad  # nothing of it is kept


def test_other_threads_are_not_in_it():
    found = []
    with torch.inference_mode():
        thread = threading.Thread(
            daemon=True, target=lambda: found.append(torch.ones(2).is_inference())
        )
        thread.start()
        thread.join()
    assert found == [False]


def test_nothing_is_recorded_where_gradients_are_enabled_inside():
    x = torch.ones(2, requires_grad=True)
    with torch.inference_mode():
        with torch.enable_grad():
            made = x * 2
            assert torch.is_grad_enabled() and torch.is_inference_mode_enabled()
            assert not made.requires_grad and made.is_inference()
            with torch.inference_mode(), torch.no_grad():
                assert not torch.is_grad_enabled()
            assert torch.is_grad_enabled()
            with torch.inference_mode(False):
                assert (x * 2).requires_grad
        assert not torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        assert torch.is_grad_enabled() and not (x * 2).requires_grad
    assert torch.is_grad_enabled() and (x * 2).requires_grad
