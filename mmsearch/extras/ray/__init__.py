"""Indexing on a Ray cluster: the media and model code of a local run as stages of Ray Data, its results as shards.

`build` decides on the driver what is to be read and adopts shards, `engine` starts or joins the cluster and streams the
work through it, `stages` is what runs there, and `shards` what lies between them. Only `engine` imports Ray.
"""

from mmsearch.extras.ray.engine import Cluster, check_address
from mmsearch.extras.ray.ray_indexer import RayIndexer
from mmsearch.extras.ray.shards import Folder

__all__ = ["Cluster", "Folder", "RayIndexer", "check_address"]
