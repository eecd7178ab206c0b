"""Directions on a sphere, rows `latitude,longitude` of a csv file in degrees, by Riemannian flow matching."""

import contextlib
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch import nn

from geodrift import InputError, State, metric
from geodrift.domain import Compact, Reading, Refusal
from geodrift.processes import Geodesic, Product
from geodrift.spaces import Sphere


class Codec:
    """Latitude and longitude as a unit vector, and back; nothing is learned from the data."""

    scales, exact = {}, ()  # conditions: there are none

    def dump(self):
        return {}

    def compact(self, objects):
        return Compact({"direction": torch.from_numpy(_vectors(objects)).float()}, list(range(len(objects))), [])

    def batch(self, arrays, index):
        return State({"direction": arrays["direction"][index]}), {}

    def blank(self, rng, cond):
        return State({"direction": torch.eye(3)[:1].repeat(len(rng), 1)})

    def decode(self, state):
        x, y, z = state["direction"].double().T
        return torch.rad2deg(torch.stack([torch.atan2(z, torch.hypot(x, y)), torch.atan2(y, x)], 1)).tolist()


class Network(nn.Module):
    """A direction and a time to a velocity, of which the process takes what is tangent to the sphere."""

    def __init__(self, width=128):
        super().__init__()
        hidden = [nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
        self.body = nn.Sequential(nn.Linear(4, width), *hidden, nn.Linear(width, 3))

    def forward(self, z, t, cond):
        return z.map(lambda direction: self.body(torch.cat([direction, t[:, None]], -1)))


class Directions:
    """The domain: files, process, network, figures and picture."""

    name, version, fields = "directions", "0.1.0", {"direction": "a unit vector, dense (B, 3)"}

    def presets(self):
        return {"default": Path(__file__).parent / "presets" / "default"}

    def read(self, path, where):
        lines = path.read_text(encoding="utf-8", errors="replace").split()
        found = {number: _place(line) for number, line in enumerate(lines, 1)}
        refused = [Refusal(i, lines[i - 1], "not a latitude and a longitude") for i, x in found.items() if x is None]
        if len(refused) == len(found):
            raise InputError(f"{path}: no directions in it; write one latitude,longitude a line, in degrees")
        return Reading([x for x in found.values() if x is not None], refused)

    def samples(self, path):
        return self.read(path / "directions.csv" if path.is_dir() else path, {}).objects

    def write(self, objects, folder):
        np.savetxt(folder / "directions.csv", objects, "%.9g", ",")
        return [folder / "directions.csv"]

    def fit(self, objects, options):
        return Codec()

    def codec(self, values):
        return Codec()

    def process(self, spec, codec):
        return Product({"direction": Geodesic(Sphere())})

    def network(self, spec, codec, process):
        return Network(**spec)

    def evaluate(self, samples, reference, training, options):
        if not reference:
            return [metric.share("northern", sum(latitude > 0 for latitude, _ in samples), len(samples))]
        x, y, n = _vectors(samples), _vectors(reference), len(samples)
        within, between, beyond = cdist(x, x), cdist(x, y).mean(1), cdist(y, y).mean()
        energy = lambda w: 2 * w @ between - ((w @ within) * w).sum(1) - beyond  # noqa: E731 - of weighted samples
        value, draws = energy(np.full((1, n), 1 / n))[0], metric.bootstrap(energy, n, np.random.default_rng(0))
        return [metric.distance("energy distance", float(value), n, draws)]

    def glance(self, samples):
        return {"northern": sum(latitude > 0 for latitude, _ in samples) / len(samples)}

    def report(self, samples, reference, metrics):
        dots = "".join(f'<circle cx="{longitude:.4g}" cy="{-latitude:.4g}" r="1"/>' for latitude, longitude in samples)
        return f'<svg viewBox="-180 -90 360 180" width="720" fill="currentColor">{dots}</svg>'

    def examples(self):
        return [[0.0, 0.0], [90.0, 0.0], [-45.0, 120.0], [10.0, -170.0], [60.5, 33.0], [-89.0, 5.0]]

    def symmetries(self):
        return {}

    def same(self, one, other):
        return bool(np.allclose(_vectors([one]), _vectors([other]), atol=1e-5))


def _place(line):
    latitude, _, longitude = line.partition(",")
    with contextlib.suppress(ValueError):
        if abs(float(latitude)) <= 90 and abs(float(longitude)) <= 360:
            return [float(latitude), float(longitude)]
    return None


def _vectors(objects):
    a, b = np.radians(np.asarray(objects, np.float64)).T
    return np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], 1)


domain = Directions()
