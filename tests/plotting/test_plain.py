"""The style of figures: found by its name, and readable without colours."""

import matplotlib as mpl
import matplotlib.style


def test_the_style_is_found_and_can_be_told_apart_in_grey():
    with mpl.rc_context():
        matplotlib.style.use("mlkit.plotting.plain")
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()
    lines = [str(style) for style in cycle["linestyle"]]
    assert len(set(lines)) == len(lines)
    grey = [sum(w * c for w, c in zip((0.3, 0.59, 0.11), mpl.colors.to_rgb(color), strict=True))
            for color in cycle["color"][:3]]  # fmt: skip
    assert min(abs(a - b) for i, a in enumerate(grey) for b in grey[:i]) > 0.2
