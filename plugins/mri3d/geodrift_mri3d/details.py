r"""Volumes from coarser ones: the differences of a one-level Haar transform, given its low band.

The density of a volume is that of its low band times that of the differences given the low band. The low band is a
volume of half as many voxels along each axis, which another model draws, or a file holds; the state has it as a field
of its own, `coarse`, that nothing moves, and the process moves the differences. The model of the coarse volumes learns
the anatomy, of which there are as many examples as subjects, and this one what a part of a volume looks like from
close by, of which each volume has thousands.

No coarse volume that is drawn is quite like those of subjects, and details learned upon subjects are lost upon gyri
that are not theirs. So the coarse volume has noise, :math:`c + s\,n`, at levels :math:`s` that the network is told, and
the first channel of what the process moves is that noise: what the two laws differ in is drowned in it, and drawn anew
with the details. At level zero, that of a coarse volume that is asked for, it stays what it is.

Both are in the units of the coarse volume, in which -1 and 1 are its percentiles; the whole is brought to its own
percentiles when it is decoded. Before that details are shrunk until none is beyond the percentiles of all training
volumes.

References:
    | Wavelet Score-Based Generative Modeling (Guth et al., 2022), https://arxiv.org/abs/2208.05003
    | Cascaded Diffusion Models (Ho et al., 2021), https://arxiv.org/abs/2106.15282, section 4.2
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from nibabel import Nifti1Image
from torch import Tensor

from geodrift.conditioning import Asked
from geodrift.domain import Compact
from geodrift.embeddings import Identity
from geodrift.errors import InputError
from geodrift.model import Model
from geodrift.presets import load
from geodrift.processes import Given
from geodrift.registry import NotNegative, Positive, Spec
from geodrift.rng import Streams
from geodrift.state import State
from geodrift_mri3d import packing
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.codec import FIELD, Dark, VolumeCodec
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.intensity import ends, scaled
from geodrift_mri3d.limits import shrunk
from geodrift_mri3d.preparation import prepared
from geodrift_mri3d.volume import tensor

COARSE = "coarse"
"""The field, and the condition, that is a volume of voxels twice as large."""
HAAR: Spec = {"kind": "haar", "levels": 1}
_SUM = 8**0.5  # of the low band, in means of its voxels
_LEAST = 1e-6


@dataclass(frozen=True, kw_only=True)
class DetailCodec(VolumeCodec):
    """The codec of details.

    Arguments:
        coarse: The name or folder of the model that draws coarse volumes where none is asked for.
        limits: The least and the greatest value of training volumes, in the units of their coarse volumes.
        part: Sides of the part of a volume, in voxels, that a training step sees; without it a step sees the whole.
        noise: The highest level of noise in coarse volumes that a training step sees; the lowest is zero.
        level: That of drawn coarse volumes.
    """

    kind: Literal["details"] = "details"  # type: ignore[assignment]
    representation: Spec = field(default_factory=lambda: HAAR)
    coarse: str
    limits: tuple[float, float]
    part: tuple[int, int, int] | None = None
    noise: Positive = 0.15
    level: NotNegative = 0.08

    exact: ClassVar[tuple[str, ...]] = (COARSE,)

    @classmethod
    def fit(  # type: ignore[override]
        cls,
        images: Sequence[Nifti1Image],
        coarse: str,
        shape: tuple[int, int, int] | None = None,
        spacing: tuple[float, float, float] | None = None,
        conditions: Sequence[str] = (),
        augmentation: Augmentation = Augmentation(),
        part: tuple[int, int, int] | None = None,
        noise: Positive = 0.15,
        level: NotNegative = 0.08,
        dark: Dark = -1.0,
    ) -> Self:
        """The codec of these images.

        Arguments:
            images: Training images; those that cannot be used are passed over.
            coarse: The name or folder of a model of volumes of half as many voxels along each axis.
            shape, spacing, conditions, augmentation, dark: As in `VolumeCodec.fit`.
            part, noise, level: See above.

        Raises:
            InputError: When there is no such model, its voxels are not twice as large, volumes are no whole number
                of parts, or drawn coarse volumes are to have more noise than those of the training.
        """
        whole = VolumeCodec.fit(images, shape, spacing, HAAR, conditions, augmentation=augmentation)
        assert whole.observed is not None
        codec = cls(
            shape=whole.shape,
            spacing=whole.spacing,
            units=(1.0,) * whole.channels,
            columns=whole.columns,
            augmentation=augmentation,
            dark=dark,
            coarse=coarse,
            limits=(-math.inf, math.inf),
            part=part,
            noise=noise,
            level=level,
        )
        codec.check()
        packed = whole.observed.arrays[FIELD]
        units = packing.units(packed, lambda volumes: codec.encoded(volumes)[FIELD][:, 1:])
        return replace(codec, units=(1.0, *units), limits=codec._limits(packed), observed=whole.observed)

    def _limits(self, packed: Tensor) -> tuple[float, float]:
        """Where -1 and 1, the percentiles of packed volumes, are in the units of their coarse volumes, at most."""
        found = []
        for row in packed:
            low, gain = _scale(self.written.forward(packing.unpack(row[None]))[:, :1] / _SUM)
            found.append((torch.tensor([-1.0, 1.0]) - low.flatten()) * gain.flatten() - 1)
        return float(torch.stack(found).min()), float(torch.stack(found).max())

    @property
    def given(self) -> dict[str, Given]:
        return {COARSE: Given(Identity(2))}

    @property
    def below(self) -> Grid:
        """The grid of the coarse volumes."""
        x, y, z = (side // 2 for side in self.shape)
        a, b, c = (size * 2 for size in self.spacing)
        return Grid((x, y, z), (a, b, c))

    @cached_property
    def drawing(self) -> Model:
        """The model that draws coarse volumes."""
        return load(self.coarse, "mri3d")

    def check(self) -> None:
        """Raise `InputError` when the model of coarse volumes does not fit."""
        other = self.drawing.codec
        assert isinstance(other, VolumeCodec)
        if other.grid != self.below:
            raise InputError(f"data.coarse: {self.coarse} draws {other.grid}, not {self.below}; choose another model")
        for name in other.columns.keys() & self.columns.keys():
            if other.columns[name].categories != self.columns[name].categories:
                raise InputError(f'data.coarse: {self.coarse} knows other values of "{name}"; choose another model')
        if self.part and any(n < 2 or n % 2 or side % n for n, side in zip(self.part, self.shape, strict=True)):
            raise InputError(f"data.part: sides are even and divide {self.shape}, not {self.part}")
        if self.level > self.noise:
            raise InputError(f"data.level: {self.level:g} is above data.noise, {self.noise:g}; give at most that")

    def ask(self, name: str, value: Asked) -> Tensor:
        """As for any volume; `coarse` is the name of a file of a volume, which is brought to the coarse grid."""
        if name != COARSE:
            return super().ask(name, value)
        from geodrift_mri3d.files import read

        return self._below(read(Path(str(value))).objects)[0]

    def alike(self, objects: Sequence[Nifti1Image]) -> Compact:
        """What these subjects may be asked for; those on the coarse grid are the coarse volumes themselves."""
        if any(Grid.of(thing) != self.below for thing in objects):
            return super().alike(objects)
        return Compact(self._with_columns({COARSE: self._below(objects)}, objects), list(range(len(objects))), [])

    def _below(self, objects: Sequence[Nifti1Image]) -> Tensor:
        return torch.stack([tensor(prepared(thing, self.below))[None] for thing in objects])

    def augmented(self, arrays: Mapping[str, Tensor], index: Tensor, rng: Streams) -> tuple[State, dict[str, Tensor]]:
        """The volumes at these rows as they could as well have been measured, or a random part of each, with noise."""
        state, cond = super().augmented(arrays, index, rng)
        seen = state if self.part is None else _cut(state, self.part, rng)
        n = rng.normal(seen[COARSE][:, :1])
        level = (rng.uniform(n[:, :, :1, :1, :1]) * self.noise).to(n)
        details = torch.cat([n, seen[FIELD][:, 1:]], 1)
        return State({COARSE: noisy(seen[COARSE][:, :1], level, n), FIELD: details}), cond

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """Empty channels, and coarse volumes, empty where none are asked for."""
        empty = torch.zeros(len(rng), self.channels, *self.places)
        return State({COARSE: _clean(cond.get(COARSE, empty[:, :1]).to(empty)), FIELD: empty})

    def begin(self, blank: State, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """The blank state with coarse volumes of the other model, unless they are asked for."""
        if COARSE in cond:
            return blank
        model, streams = self.drawing.to(blank.device), rng.split()
        codec = model.codec
        assert isinstance(codec, VolumeCodec)
        asked = {name: cond[name] for name in codec.scales if name in cond}
        like = codec.begin(codec.blank(streams, asked).to(blank.device), streams, asked)
        drawn = model.drawn(like, streams, asked, model.config.sample)
        coarse = codec.volumes(drawn)[:, None].to(blank.device)
        level = torch.full((len(rng), 1, 1, 1, 1), self.level).to(coarse)
        return blank.replace({COARSE: noisy(coarse, level, streams.normal(coarse))})

    def encoded(self, volumes: Tensor) -> State:
        channels = self.written.forward(volumes)
        coarse, details = channels[:, :1] / _SUM, channels[:, 1:]
        low, gain = _scale(coarse)
        seen = torch.cat([torch.zeros_like(coarse), details * gain], 1)
        return State({COARSE: _clean((coarse - low) * gain - 1), FIELD: seen / self._unit(seen)})

    def volumes(self, state: State) -> Tensor:
        channels, seen = state[FIELD] * self._unit(state[FIELD]), state[COARSE]
        coarse = (seen[:, :1] - seen[:, 1:] * channels[:, :1]).clamp(*self.limits)
        whole = self.written.inverse(torch.cat([coarse * _SUM, channels[:, 1:]], 1))
        shown = shrunk(whole, coarse, self.limits).float().cpu()
        return torch.stack([torch.from_numpy(scaled(each.numpy())) for each in shown])


def _scale(coarse: Tensor) -> tuple[Tensor, Tensor]:
    """What becomes -1 in each coarse volume `(B, 1, X, Y, Z)`, and the gain by which its percentiles are -1 and 1."""
    low, high = torch.tensor([ends(each.numpy()) for each in coarse]).to(coarse).T[..., None, None, None, None]
    return low, 2 / (high - low).clamp(min=_LEAST)


def noisy(coarse: Tensor, level: Tensor, n: Tensor) -> Tensor:
    """Coarse volumes `(B, 1, X, Y, Z)` with noise `n` at levels `(B, 1, 1, 1, 1)`, and their levels."""
    return torch.cat([coarse + level * n, level.expand_as(coarse)], 1)


def _clean(coarse: Tensor) -> Tensor:
    return torch.cat([coarse, torch.zeros_like(coarse)], 1)


def _cut(state: State, part: Sequence[int], rng: Streams) -> State:
    """A random part of each sample, with sides in voxels, two to a place of the state."""
    sides = torch.tensor(part) // 2
    room = torch.tensor(state[COARSE].shape[2:]) - sides + 1
    starts = (rng.uniform(torch.empty(len(state[COARSE]), 3)) * room).long()
    windows = [[slice(a, a + n) for a, n in zip(start, sides.tolist(), strict=True)] for start in starts.tolist()]
    cut = {name: torch.stack([x[:, *w] for x, w in zip(xs, windows, strict=True)]) for name, xs in state.items()}
    return State(cut)
