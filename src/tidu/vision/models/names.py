"""What the modules of torchvision.models are asked for: classes, and functions."""

from ...base.refusals import refused_classes, refused_functions

__all__ = ["refused"]

_HINT = (
    "write the network with torch.nn, or use a package of networks such as timm; hooks and "
    "torch.fx.symbolic_trace give values from inside."
)
_NAMES = {
    "resnet": (
        "ResNet BasicBlock Bottleneck",
        "resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2 wide_resnet101_2",
    ),
    "densenet": (
        "DenseNet",
        "densenet121 densenet161 densenet169 densenet201",
    ),
    "vgg": (
        "VGG",
        "make_layers vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
    ),
    "vision_transformer": (
        "ConvStemConfig Encoder EncoderBlock MLPBlock VisionTransformer",
        "interpolate_embeddings vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32",
    ),
    "inception": (
        "Inception3 InceptionA InceptionB InceptionC InceptionD InceptionE InceptionAux",
        "inception_v3",
    ),
    "mobilenetv2": (
        "InvertedResidual MobileNetV2",
        "mobilenet_v2",
    ),
    "mobilenetv3": (
        "InvertedResidual MobileNetV3",
        "mobilenet_v3_large mobilenet_v3_small",
    ),
    "feature_extraction": (
        "DualGraphModule NodePathTracer",
        "create_feature_extractor get_graph_node_names",
    ),
}


def refused(module):
    """Name -> class or function, for a module."""
    place = f"torchvision.models.{module}"
    classes, functions = _NAMES[module]
    return {
        **dict(zip(classes.split(), refused_classes(place, classes, _HINT), strict=True)),
        **dict(zip(functions.split(), refused_functions(place, functions, _HINT), strict=True)),
    }


def everywhere():
    """The names of all modules: torchvision.models has them, too."""
    found = {}
    for module in _NAMES:
        found.update(refused(module))
    return found
