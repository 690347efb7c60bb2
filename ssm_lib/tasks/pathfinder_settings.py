"""What the pictures of Pathfinder look like, at each size.

The settings of 128, 256 and 512 pixels are those of the DLR paper's pictures as far as they are known; 32 and
64 are ours, and not those of the Long Range Arena.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ssm_lib import validate


@dataclass(frozen=True)
class Settings:
    """What pictures look like; all lengths in pixels.

    Parameters
    ----------
    size
        Rows, and columns.
    paddles
        Of a long contour; a distractor has a third as many.
    length, thickness
        Of a paddle.
    margins
        Half of the gap between the paddles of a contour: one of them is drawn for each picture.
    marker
        Radius of the discs.
    continuity
        The larger, the straighter: no turn exceeds 90 / continuity degrees.
    apart
        Distance of the first ends of the two long contours.
    distractors
        At most so many short contours, as far as there is room.
    mark_distractors
        Whether they carry discs too, at one end.
    contrast
        Brightness of a paddle; that of a disc is 1.
    spare
        What the distance of two contours exceeds a gap by, at least.
    halo
        How much wider than the paddles the classes 1 and 2 are, on each side.

    Raises
    ------
    TypeError, ValueError
        If a number is out of range.
    """

    size: int
    paddles: int
    length: float
    thickness: float
    margins: tuple[float, ...]
    marker: float
    continuity: float
    apart: float
    distractors: int
    mark_distractors: bool = False
    contrast: float = 1.0
    spare: float = 1.5
    halo: float = 0.0

    def __post_init__(self) -> None:
        validate.positive_int("size", self.size)
        if validate.positive_int("paddles", self.paddles) < 3:
            raise ValueError(f"paddles must be at least 3, got {self.paddles}")
        for name in ("length", "thickness", "marker", "continuity", "apart", "contrast"):
            validate.positive(name, getattr(self, name))
        for margin in self.margins:
            validate.positive("margins", margin)
        if not self.margins:
            raise ValueError("margins must hold at least one number, got none")
        for name in ("distractors", "spare", "halo"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.contrast > 1:
            raise ValueError(f"contrast must be at most 1, got {self.contrast}")
        validate.flag("mark_distractors", self.mark_distractors)
        if self.length / 2 >= self.clearance(min(self.margins)):
            raise ValueError(
                f"paddles of length {self.length} could cross at gaps of {min(self.margins)} on each "
                "side: expected a length below twice the clearance"
            )

    def clearance(self, margin: float) -> float:
        """Least distance between the middle lines of paddles that are no neighbours in a contour."""
        return self.thickness + 2 * margin + self.spare


SETTINGS = {
    32: Settings(32, 9, 2, 1, (1,), 1.5, 1.8, 7, 8, spare=0.5),
    64: Settings(64, 14, 3, 1, (1.0, 1.5), 1.5, 1.8, 12, 12, spare=1),
    128: Settings(128, 14, 5, 1.5, (2, 3), 2.1, 1.8, 22, 16, contrast=0.9),
    256: Settings(256, 16, 8, 2, (4,), 4.2, 2.2, 27, 16, halo=0.9),
    512: Settings(512, 12, 22, 6, (7,), 9, 2.5, 40, 18, halo=1.5),
}


def settings_of(size: int, segmentation: bool) -> Settings:
    """The settings for pictures of a size, one of `SETTINGS`; with segmentation, distractors carry discs.

    Raises
    ------
    ValueError
        On another size.
    """
    if size not in SETTINGS:
        raise ValueError(f"Pathfinder has the sizes {list(SETTINGS)}, got {size!r}")
    return replace(SETTINGS[size], mark_distractors=segmentation)
