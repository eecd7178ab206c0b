r"""Volumes as states and back, with all that generation needs to know about the training data.

A state has one field, `volume`, the channels `(B, C, X', Y', Z')` of a representation, channel :math:`c` in units of
:math:`\sqrt{s_c s}`, where :math:`s_c` is its standard deviation and :math:`s` the root mean square of all of them.
Coarse bands so stay larger than fine ones, by the square root of what they are in voxels, and rise from the noise
first, while fine bands are not lost in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from nibabel import Nifti1Image
from pydantic import ConfigDict, Field, InstanceOf
from torch import Tensor
from torch.nn.functional import one_hot

from geodrift.conditioning import Asked
from geodrift.denoiser import Denoise
from geodrift.domain import Compact
from geodrift.errors import InputError
from geodrift.processes import Given
from geodrift.registry import Spec
from geodrift.rng import Streams
from geodrift.state import State
from geodrift.stored import dumped, loaded
from geodrift_mri3d import packing
from geodrift_mri3d.augmentation import Augmentation
from geodrift_mri3d.columns import Column
from geodrift_mri3d.grid import Grid
from geodrift_mri3d.representation import Representation, representations
from geodrift_mri3d.tissue import CLASSES, TISSUE, asked
from geodrift_mri3d.volume import FAILED, conditions, volume

FIELD = "volume"
Dark = Annotated[float, Field(ge=-1, lt=0)]


@dataclass(frozen=True, kw_only=True)
class VolumeCodec:
    """The codec of volumes.

    Arguments:
        shape: Voxels along right, anterior and superior.
        spacing: Their size along each, mm.
        representation: How volumes are written as channels, as a config says it.
        units: Of each channel, see above.
        columns: What the model may be asked for, by name.
        tissue: Whether it is told a map of tissues.
        augmentation: How volumes are moved in training.
        dark: What is drawn below this is background, -1 exactly, as around heads whose scalp was taken off; -1 is none.
        observed: The training data, while a network is built on them; not stored.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Literal["volumes"] = "volumes"
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    representation: Spec
    units: tuple[float, ...]
    columns: Mapping[str, Column] = field(default_factory=dict)
    tissue: bool = False
    augmentation: Augmentation = Augmentation()
    dark: Dark = -1.0
    observed: InstanceOf[Compact] | None = field(default=None, compare=False)

    exact: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if len(self.units) != self.channels:
            raise ValueError("a unit for each channel of the representation")
        if any(side % self.written.factor for side in self.shape):
            raise ValueError(f"sides must be multiples of {self.written.factor}, not {self.shape}")

    @classmethod
    def fit(
        cls,
        images: Sequence[Nifti1Image],
        shape: tuple[int, int, int] | None = None,
        spacing: tuple[float, float, float] | None = None,
        representation: Spec = "haar",
        conditions: Sequence[str] = (),
        tissue: bool = False,
        augmentation: Augmentation = Augmentation(),
        dark: Dark = -1.0,
    ) -> Self:
        """The codec of these images.

        Arguments:
            images: Training images; those that cannot be used are passed over.
            shape, spacing: Voxels along each axis and their size in mm, by default those of the first image.
            conditions: Columns of participants.tsv.
            representation, tissue, augmentation, dark: As above.
        """
        first = Grid.of(images[0])
        grid = Grid(shape or first.shape, spacing or first.spacing)
        packed, kept, refused = packing.rows(images, grid, tissue)
        if not kept:
            raise InputError(f"none of the images can be used; the first: {refused[0].reason}")
        known = [images[place] for place in kept]
        columns = {name: Column.fit(name, [_known(image, name) for image in known]) for name in conditions}
        codec = cls(
            shape=grid.shape,
            spacing=grid.spacing,
            representation=representation,
            units=packing.units(packed[FIELD], representations.build(representation).forward),
            columns=columns,
            tissue=tissue,
            augmentation=augmentation,
            dark=dark,
        )
        return replace(codec, observed=Compact(codec._with_columns(packed, known), kept, refused))

    @cached_property
    def written(self) -> Representation:
        """The representation."""
        built: Representation = representations.build(self.representation)
        return built

    @property
    def channels(self) -> int:
        """Channels of a state."""
        return self.written.channels

    @property
    def given(self) -> dict[str, Given]:
        """The processes of fields that are known from the beginning."""
        return {}

    @property
    def grid(self) -> Grid:
        return Grid(self.shape, self.spacing)

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the channels along each axis."""
        return tuple(side // self.written.factor for side in self.shape)

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        told = {name: (column.mean, column.std) for name, column in self.columns.items()}
        return told | ({TISSUE: (0.0, 1.0)} if self.tissue else {})

    def ask(self, name: str, value: Asked) -> Tensor:
        """What a condition asks of one sample: a number, or a map of tissues, from the name of its file.

        Raises:
            InputError: When the model does not know such a value.
        """
        if name == TISSUE:
            return self._told(asked(str(value), self.grid)[None])[0]
        return torch.tensor(self.columns[name].ask(name, value))

    def hold(self, denoise: Denoise, like: State, rng: Streams, cond: Mapping[str, Tensor]) -> Denoise:
        return denoise

    def alike(self, objects: Sequence[Nifti1Image]) -> Compact:
        """What these subjects may be asked for: their columns, and their maps of tissues."""
        if not self.scales:
            raise InputError("the model knows no conditions, so its samples cannot be like given subjects")
        if self.tissue:
            packed, kept, refused = packing.rows(objects, self.grid, True)
            told = {TISSUE: self._told(packed["labels"])} if kept else {}
        else:
            told, kept, refused = {}, list(range(len(objects))), []
        return Compact(told | self._with_columns({}, [objects[place] for place in kept]), kept, refused)

    def compact(self, objects: Sequence[Nifti1Image]) -> Compact:
        """All images that can be used, with their conditions, as a data set in memory."""
        packed, kept, refused = packing.rows(objects, self.grid, self.tissue)
        return Compact(self._with_columns(packed, [objects[place] for place in kept]), kept, refused)

    def batch(self, arrays: Mapping[str, Tensor], index: Tensor) -> tuple[State, dict[str, Tensor]]:
        """The volumes at these rows, and their conditions."""
        return self._state(packing.unpack(arrays[FIELD][index]), self._labels(arrays, index), arrays, index)

    def augmented(self, arrays: Mapping[str, Tensor], index: Tensor, rng: Streams) -> tuple[State, dict[str, Tensor]]:
        """The same, each as it could as well have been measured."""
        volumes, labels = packing.unpack(arrays[FIELD][index]), self._labels(arrays, index)
        return self._state(*self.augmentation(volumes, self.spacing, rng.split(), labels), arrays, index)

    def blank(self, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        """Empty channels, for each stream a sample."""
        return State({FIELD: torch.zeros(len(rng), self.channels, *self.places)})

    def begin(self, blank: State, rng: Streams, cond: Mapping[str, Tensor]) -> State:
        return blank

    def decode(self, state: State) -> list[Nifti1Image]:
        """An image for each sample; one whose numbers are not finite is marked as failed."""
        drawn = self.volumes(state).float().cpu()
        volumes = drawn.masked_fill(drawn < self.dark, -1).nan_to_num()
        told = [{} if ok else {FAILED: "numbers that are not finite"} for ok in torch.isfinite(drawn).flatten(1).all(1)]
        return [volume(v, self.grid.affine, why) for v, why in zip(volumes, told, strict=True)]

    def volumes(self, state: State) -> Tensor:
        """The volumes of a state, `(B, X, Y, Z)`."""
        return self.written.inverse(state[FIELD] * self._unit(state[FIELD])).clamp(-1, 1)

    def dump(self) -> dict[str, Any]:
        """The codec as JSON values."""
        return dumped(self, without=("observed",))

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """The codec that `dump` wrote.

        Raises:
            InputError: When a value is missing, unknown, of the wrong type or inconsistent.
        """
        return loaded(cls, values, "codec")

    def _unit(self, channels: Tensor) -> Tensor:
        return torch.tensor(self.units).to(channels)[:, None, None, None]

    def _labels(self, arrays: Mapping[str, Tensor], index: Tensor) -> Tensor | None:
        return arrays["labels"][index] if self.tissue else None

    def _state(
        self, volumes: Tensor, labels: Tensor | None, arrays: Mapping[str, Tensor], index: Tensor
    ) -> tuple[State, dict[str, Tensor]]:
        cond = {name: arrays[name][index].to(volumes) for name in self.columns}
        return self.encoded(volumes), cond if labels is None else cond | {TISSUE: self._told(labels)}

    def encoded(self, volumes: Tensor) -> State:
        """The state of volumes `(B, X, Y, Z)`."""
        channels = self.written.forward(volumes)
        return State({FIELD: channels / self._unit(channels)})

    def _told(self, labels: Tensor) -> Tensor:
        """Maps of tissues `(B, X, Y, Z)` as the channels of the indicator of each tissue, `(B, K C, X', Y', Z')`."""
        each = one_hot(labels.long(), CLASSES)[..., 1:].to(torch.get_default_dtype()).unbind(-1)
        return torch.cat([self.written.forward(indicator) for indicator in each], 1) / math.sqrt(self.written.channels)

    def _with_columns(self, packed: Mapping[str, Tensor], images: Sequence[Nifti1Image]) -> dict[str, Tensor]:
        told = {
            name: torch.tensor([column.number(_known(image, name)) for image in images])
            for name, column in self.columns.items()
        }
        return {**packed, **told}


def _known(image: Nifti1Image, name: str) -> Any:
    return conditions(image).get(name)
