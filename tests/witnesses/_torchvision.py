"""torchvision's Python parts, also where its compiled operators were built for another torch."""

import sys
from types import ModuleType


def load() -> ModuleType:
    """Import torchvision (which timm does too); without its registrations if they cannot work."""
    import torch

    try:
        import torchvision
    except RuntimeError:  # "operator torchvision::nms does not exist"
        for name in [n for n in sys.modules if n.split(".")[0] in ("torchvision", "timm")]:
            del sys.modules[name]
        for name in ("_meta_registrations", "_autograd_registrations"):
            sys.modules[f"torchvision.{name}"] = ModuleType(name)
        import torchvision
    torch.set_num_threads(1)
    return torchvision
