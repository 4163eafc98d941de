"""The catalog: short names and hub ids find their entries, and what is missing names both remedies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models import catalog, hub, load_embedder
from mmsearch.types import ModelOptions


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


def test_a_short_name_means_the_pinned_revision_and_else_what_the_cache_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = catalog.CATALOG["siglip2-base"].revision
    assert pinned is not None
    other = "0" * 40
    snapshots = tmp_path / "models--google--siglip2-base-patch16-224" / "snapshots"
    for commit in (other, pinned):
        (snapshots / commit).mkdir(parents=True)
        (snapshots / commit / "config.json").write_text("{}")
    (snapshots.parent / "refs").mkdir()
    (snapshots.parent / "refs" / "main").write_text(other)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    assert hub.locate("siglip2-base", None, "").name == pinned
    assert hub.locate("siglip2-base", other, "").name == other
    shutil.rmtree(snapshots / pinned)
    assert hub.locate("siglip2-base", None, "").name == other
    assert hub.locate("google/siglip2-base-patch16-224", None, "").name == other
