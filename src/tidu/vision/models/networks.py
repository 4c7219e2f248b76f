"""The names of torchvision.models: functions of networks and classes of weights, which refuse."""

from ...base.refusals import refused_classes, refused_functions
from .names import everywhere

_HINT = (
    "tidu serves torchvision's transforms, datasets and utils, and no networks: write the network "
    "with torch.nn, and load weights you have with load_state_dict."
)
NAMES = (
    "alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 "
    "densenet169 densenet201 efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 "
    "efficientnet_b4 efficientnet_b5 efficientnet_b6 efficientnet_b7 efficientnet_v2_l "
    "efficientnet_v2_m efficientnet_v2_s get_model get_model_weights get_weight googlenet "
    "inception_v3 list_models mnasnet0_5 mnasnet1_0 mobilenet_v2 mobilenet_v3_large "
    "mobilenet_v3_small regnet_x_400mf regnet_y_400mf resnet101 resnet152 resnet18 resnet34 "
    "resnet50 resnext101_32x8d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 "
    "squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 "
    "vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_l_16 wide_resnet101_2 wide_resnet50_2"
)
_REFUSED = everywhere() | dict(
    zip(NAMES.split(), refused_functions("torchvision.models", NAMES, _HINT), strict=True)
)


WEIGHTS = (
    "AlexNet_Weights ConvNeXt_Tiny_Weights DenseNet121_Weights EfficientNet_B0_Weights "
    "GoogLeNet_Weights Inception_V3_Weights MobileNet_V2_Weights MobileNet_V3_Large_Weights "
    "MobileNet_V3_Small_Weights ResNet101_Weights ResNet152_Weights ResNet18_Weights "
    "ResNet34_Weights ResNet50_Weights ResNeXt50_32X4D_Weights SqueezeNet1_1_Weights "
    "Swin_T_Weights VGG11_Weights VGG13_Weights VGG16_BN_Weights VGG16_Weights VGG19_BN_Weights "
    "VGG19_Weights ViT_B_16_Weights ViT_B_32_Weights Wide_ResNet50_2_Weights"
)
_REFUSED |= dict(
    zip(WEIGHTS.split(), refused_classes("torchvision.models", WEIGHTS, _HINT), strict=True)
)


def network(name):
    """A network's function, or the class of its weights (ResNet18_Weights), which refuse."""
    if name in _REFUSED:
        return _REFUSED[name]
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(f"module 'torchvision.models' has no attribute '{name}'\nHint: {_HINT}")
