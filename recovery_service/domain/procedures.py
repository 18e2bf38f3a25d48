"""The operations that the service knows, and the regions of the spine they touch."""

from collections.abc import Mapping
from types import MappingProxyType

LUMBAR = "lumbar"
CERVICAL = "cervical"

#: Regions decide which warning signs a discharge sheet lists. Tumours occur at any level,
#: and a long correction can reach the neck: both regions apply, the cautious reading.
PROCEDURES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "lumbar_microdiscectomy": frozenset({LUMBAR}),
        "lumbar_decompression": frozenset({LUMBAR}),
        "lumbar_fusion_mis": frozenset({LUMBAR}),
        "cervical_anterior": frozenset({CERVICAL}),
        "vertebral_augmentation": frozenset({LUMBAR}),
        "deformity_correction": frozenset({LUMBAR, CERVICAL}),
        "spinal_tumour": frozenset({LUMBAR, CERVICAL}),
    }
)
