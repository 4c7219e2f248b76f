"""torch.onnx: export to ONNX, which tidu does not do."""

__all__ = ["dynamo_export", "export", "is_in_onnx_export"]


def is_in_onnx_export():
    return False


def export(model=None, args=(), f=None, **kwargs):
    """Not available; the message says what to do instead."""
    raise NotImplementedError(
        "torch.onnx.export is not available in tidu. Save model.state_dict() with torch.save, load "
        "it in PyTorch (the format is PyTorch's own) and export there."
    )


dynamo_export = export
