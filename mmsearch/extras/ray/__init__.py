"""Indexing on a Ray cluster: the media and model code of a local run as stages of Ray Data, its results as shards.

`ray_indexer` chooses the files on the driver and adopts shards, `engine` starts or joins the cluster and streams the
work through it, `stages` runs on its nodes, and `shards` stores their results. Only `engine` imports Ray.
"""

from mmsearch.extras.ray.engine import Cluster, check_address
from mmsearch.extras.ray.ray_indexer import RayIndexer
from mmsearch.extras.ray.shards import Folder

__all__ = ["Cluster", "Folder", "RayIndexer", "check_address"]
