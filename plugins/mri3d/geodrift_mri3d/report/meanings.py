"""What each figure is, in a few words."""

from __future__ import annotations

from collections.abc import Iterable

_MEANINGS = {
    "finite": "share of samples whose numbers are finite",
    "kid": "kernel distance of features, unbiased (KID)",
    "kid_ratio": "the same as a multiple of the distance between real subjects",
    "fid": "Fréchet distance of features; compare at equal n only",
    "mmd": "Gaussian kernel distance of coarse volumes, unbiased",
    "mmd_ratio": "the same as a multiple of the distance between real subjects",
    "spectrum": "difference of mean log-power over frequencies, nepers",
    "intensity_w1": "Wasserstein distance of intensities within the brain",
    "memorised": "share nearer to a training subject than 95 % of held-out subjects are",
    "ms_ssim": "similarity of pairs; lower is more diverse, the floor is that of real subjects",
    "asymmetry": "grey matter left against right",
    "age_r": "correlation of the age asked with the share of CSF measured",
    "age_slope": "growth of the share of CSF in a decade; best is that of real subjects",
}
_FRACTION = "fraction_"  # of the intracranial volume
_TISSUE = {
    "d": "size of the difference of means, Cohen's d",
    "ks": "Kolmogorov–Smirnov distance",
    "d_p": "probability of such a d between sets of one law",
    "ks_p": "probability of such a distance between sets of one law",
    "ml": "mean volume, ml",
}


def meanings(names: Iterable[str]) -> dict[str, str]:
    """The meaning of each of these figures."""
    found = {}
    for name in names:
        tissue, _, kind = name.partition("_")
        region = tissue.upper() + (" by ICV" if kind.startswith(_FRACTION) else "")
        figure = kind.removeprefix(_FRACTION)
        found[name] = _MEANINGS.get(name) or f"{region}: {_TISSUE.get(figure, figure)}"
    return found
