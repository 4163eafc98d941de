"""The catalog: short names and hub ids find their entries, and what is missing names both remedies."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmsearch.core import ModelOptions
from mmsearch.errors import ModelUnavailable
from mmsearch.models import catalog, load_embedder


def test_short_names_and_hub_ids_find_the_same_entry() -> None:
    for name, entry in catalog.CATALOG.items():
        assert catalog.find(name) is entry
        assert entry.name == name
        if entry.hub_id:
            assert catalog.find(entry.hub_id) is entry
            assert catalog.find(entry.hub_id.lower()) is entry
    assert catalog.find("some-org/no-such-model") is None


def test_importing_the_catalog_imports_nothing_heavy() -> None:
    code = "import sys, mmsearch.models.catalog; sys.exit(bool({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_of_the_catalog_that_is_not_on_disk_names_both_remedies() -> None:
    for name in ("clip-b32", "sentence-transformers/clip-ViT-B-32"):
        with pytest.raises(ModelUnavailable) as caught:
            load_embedder(ModelOptions(name))
        assert "`mmsearch models pull clip-b32`" in str(caught.value)
        assert "--dummy-weights" in str(caught.value)
        assert "\n" not in str(caught.value)
