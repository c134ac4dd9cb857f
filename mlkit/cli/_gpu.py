"""Why TensorFlow does not see a GPU that is there."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlkit.cli._finding import Finding

_INSTALL = 'pip install "mlkit-tf[gpu]"'


@dataclass(frozen=True)
class Signs:
    """What there is of a GPU beside what TensorFlow says.

    Args:
        card: an NVIDIA card is on the bus.
        driver: the driver is loaded (in WSL: passed through).
        nodes: the card can be opened by this system or container.
        container: this is a container.
        visible: `CUDA_VISIBLE_DEVICES`, or None where it is not set.
        libraries: the CUDA libraries of the `[gpu]` extra are installed.
    """

    card: bool = False
    driver: bool = False
    nodes: bool = False
    container: bool = False
    visible: str | None = None
    libraries: bool = False


def look(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Signs:
    """The signs on this machine."""
    from mlkit.cli._health import installed

    environment = os.environ if environment is None else environment
    wsl = (root / "dev/dxg").exists()
    return Signs(
        card=any(_is_nvidia_card(device) for device in root.glob("sys/bus/pci/devices/*")),
        driver=wsl or (root / "proc/driver/nvidia/version").exists(),
        nodes=wsl or any(root.glob("dev/nvidia[0-9]*")),
        container=(root / ".dockerenv").exists() or (root / "run/.containerenv").exists(),
        visible=environment.get("CUDA_VISIBLE_DEVICES"),
        libraries=installed("nvidia-cudnn-cu12") is not None,
    )


def _is_nvidia_card(device: Path) -> bool:
    try:
        vendor, kind = (device / "vendor").read_text(), (device / "class").read_text()
    except OSError:
        return False
    return vendor.strip() == "0x10de" and kind.startswith(("0x0300", "0x0302"))


def explain(names: Sequence[str], built: bool, signs: Signs, log: str = "") -> Finding:
    """What to say about GPUs.

    Args:
        names: the GPUs that TensorFlow sees.
        built: whether this TensorFlow was built with CUDA.
        signs: what else there is of a GPU.
        log: what TensorFlow wrote while it looked.
    """
    if names:
        return Finding("GPU", "ok", ", ".join(names))
    if not (signs.card or signs.driver or signs.nodes):
        return Finding("GPU", "ok", "none on this machine; TensorFlow runs on the CPU")
    if signs.visible is not None and signs.visible.strip() in ("", "-1", "none", "NoDevFiles"):
        text = f"hidden on purpose: CUDA_VISIBLE_DEVICES={signs.visible!r}."
        return Finding("GPU", "note", text, "unset CUDA_VISIBLE_DEVICES")
    reason, mend = _reason(built, signs, log)
    return Finding("GPU", "broken", f"there is one, and TensorFlow does not see it: {reason}", mend)


def _reason(built: bool, signs: Signs, log: str) -> tuple[str, str]:
    if signs.container and not signs.nodes:
        return "it is not passed into this container.", "docker run --gpus all ..."
    if not signs.driver:
        return (
            "the NVIDIA driver is not loaded.",
            "sudo apt install nvidia-driver (Ubuntu: sudo ubuntu-drivers install), then reboot",
        )
    if not signs.nodes:
        return "the driver has made no device files.", "sudo nvidia-modprobe -u -c=0"
    if platform.system() == "Windows":
        return "TensorFlow has no CUDA on Windows.", "wsl --install, and mlkit inside of it"
    if not built:
        return "this TensorFlow is built without CUDA.", _INSTALL
    if not signs.libraries:
        return "the CUDA libraries are not installed.", _INSTALL
    said = [line for line in log.splitlines() if "cuda" in line.lower() or "gpu" in line.lower()]
    text = said[-1].split("] ", 1)[-1].strip() if said else "TensorFlow gives no reason."
    return text, f"nvidia-smi (is the driver new enough?), then {_INSTALL} --force-reinstall"
