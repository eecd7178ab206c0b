"""Our own segmenter of three tissues, with which generated and real volumes are measured alike."""

from geodrift_mri3d.segmenter.network import SegmentationNetwork
from geodrift_mri3d.segmenter.segmenter import Segmenter, shipped

__all__ = ["SegmentationNetwork", "Segmenter", "shipped"]
