"""Settings are compared on the same questions, by the real searcher over a real index with given vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.errors import UsageError
from mmsearch.extras.evaluation import Question, Report, evaluate, report_fields, settings_by_name, truncated_settings
from mmsearch.types import Modality, Query, Reranker, Segment, Vectors
from tests.given import Given, GivenEmbedder, make, one, unit

DIM = 8
AXES = np.eye(DIM, dtype=np.float32)


def question(folder: Path, text: str, *names: str, pair: str = "") -> Question:
    return Question(f"q:{text}", text, "", {str(folder / "files" / name): 1.0 for name in names}, pair)


def no_reranker() -> Reranker:
    raise AssertionError("no setting wants one")


class Backwards:
    """Gives the candidate that comes last the highest score."""

    name = "backwards"
    modalities: frozenset[Modality] = frozenset({"text"})

    def __init__(self) -> None:
        self.read: list[str] = []

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        self.read.append(query.text)
        return np.arange(len(segments), dtype=np.float32)


def small_world(folder: Path) -> tuple[list[Given], GivenEmbedder]:
    """Passages lie close to every query, pictures far off; c.txt answers "words", b.png answers "look"."""
    near = [unit(AXES[0] + 0.2 * AXES[at]) for at in (1, 2, 3)]
    far = [unit(AXES[7] + 0.2 * AXES[at]) for at in (4, 5, 6)]
    files = [one(f"{name}.txt", "text", row) for name, row in zip("abc", near, strict=True)]
    files += [one(f"{name}.png", "image", row) for name, row in zip("abc", far, strict=True)]
    return files, GivenEmbedder(
        {"words": unit(AXES[0] + 0.5 * AXES[3]), "look": unit(AXES[0] + 0.3 * AXES[7] + 0.6 * AXES[5])}, DIM
    )


def report(folder: Path, names: Sequence[str], questions: Sequence[Question], dims: Sequence[int] = ()) -> Report:
    files, embedder = small_world(folder)
    with make(folder, files) as reader:
        return evaluate(
            questions, reader, embedder, [*settings_by_name(names), *truncated_settings(dims, DIM)], no_reranker
        )


def test_calibration_finds_what_the_raw_cosine_buries(tmp_path: Path) -> None:
    asked = [question(tmp_path, "words", "c.txt"), question(tmp_path, "look", "b.png")]
    raw, calibrated = report(tmp_path, ["raw", "calibrated"], asked).outcomes
    assert [result.rank for result in raw.results] == [1, 4]
    assert [result.rank for result in calibrated.results] == [1, 1]
    assert [result.pair for result in raw.results] == ["text->text", "text->image"]


def test_report_tells_pairs_gain_and_losers(tmp_path: Path) -> None:
    asked = [question(tmp_path, "words", "c.txt"), question(tmp_path, "look", "b.png")]
    fields = report_fields(report(tmp_path, ["raw", "calibrated"], asked), 5)
    raw, calibrated = fields["settings"]
    assert raw["pairs"]["text->image"]["mrr"] == {"mean": 0.25, "low": 0.25, "high": 0.25}
    assert "gain" not in raw and calibrated["gain"]["mrr"]["mean"] == pytest.approx(0.375)
    (loser,) = raw["losers"]
    assert (loser["query"], loser["rank"]) == ("look", 4)
    assert loser["expected"] == [str(tmp_path / "files" / "b.png")]
    assert loser["instead"].endswith(".txt")
    assert calibrated["losers"] == []


def test_queries_are_embedded_once_for_all_settings(tmp_path: Path) -> None:
    files, embedder = small_world(tmp_path)
    with make(tmp_path, files) as reader:
        asked = [question(tmp_path, "words", "c.txt"), question(tmp_path, "look", "b.png")]
        evaluate(
            asked,
            reader,
            embedder,
            [*settings_by_name(["raw", "calibrated", "exact"]), *truncated_settings([2, 4], DIM)],
            no_reranker,
        )
    assert embedder.calls == 2


def test_a_labelled_file_that_is_not_indexed_counts_as_missed_and_is_told(tmp_path: Path) -> None:
    found = report(tmp_path, ["raw"], [question(tmp_path, "words", "c.txt", "gone.txt")])
    assert found.not_indexed == [str(tmp_path / "files" / "gone.txt")]
    assert found.labelled == 2
    assert found.outcomes[0].results[0].scores["recall@10"] == 0.5


def test_labels_that_fit_no_file_of_the_index_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none of the 2 labelled files is in the index, such as .*x.txt"):
        report(tmp_path, ["raw"], [question(tmp_path, "words", "y.txt", "x.txt")])


def test_exact_search_agrees_with_itself_and_fewer_dimensions_agree_less(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = unit(rng.standard_normal((400, 64)).astype(np.float32))
    queries = {f"q{at}": unit(rows[at] + 0.1 * rng.standard_normal(64).astype(np.float32)) for at in range(20)}
    files = [one(f"{at}.png", "image", row) for at, row in enumerate(rows)]
    with make(tmp_path, files) as reader:
        asked = [question(tmp_path, name, f"{name[1:]}.png") for name in queries]
        settings = [*settings_by_name(["calibrated", "exact"]), *truncated_settings([32, 8], 64)]
        fields = report_fields(evaluate(asked, reader, GivenEmbedder(queries, 64), settings, no_reranker), 0)
    by_name = {one["setting"]: one for one in fields["settings"]}
    agreements = [by_name[name]["agreement"]["mean"] for name in ("calibrated", "exact", "dim 32", "dim 8")]
    assert agreements[:2] == [1.0, 1.0]
    assert 1 > agreements[2] > agreements[3]
    assert by_name["calibrated"]["all"] == by_name["exact"]["all"]
    assert by_name["dim 32"]["gain"]["ndcg@10"]["mean"] <= 0


def test_cutting_dimensions_ranks_as_an_index_of_cut_vectors_would(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = unit(rng.standard_normal((50, DIM)).astype(np.float32))
    query = unit(rng.standard_normal(DIM).astype(np.float32))
    with make(tmp_path, [one(f"{at}.png", "image", row) for at, row in enumerate(rows)]) as reader:
        asked = [question(tmp_path, "q", "0.png")]
        found = evaluate(asked, reader, GivenEmbedder({"q": query}, DIM), truncated_settings([4], DIM), no_reranker)
    expected = np.argsort(-(unit(rows[:, :4]) @ unit(query[:4])))
    assert [Path(path).stem for path in found.outcomes[0].results[0].paths] == [str(at) for at in expected]


def test_the_reranker_is_loaded_once_and_decides(tmp_path: Path) -> None:
    files, embedder = small_world(tmp_path)
    loaded: list[Backwards] = []

    def load() -> Reranker:
        loaded.append(Backwards())
        return loaded[-1]

    with make(tmp_path, files) as reader:
        asked = [question(tmp_path, "words", "c.txt"), question(tmp_path, "look", "b.png")]
        plain, reranked = evaluate(asked, reader, embedder, settings_by_name(["calibrated", "rerank"]), load).outcomes
    assert len(loaded) == 1 and loaded[0].read == ["words", "look"]
    texts = [path for path in plain.results[0].paths if path.endswith(".txt")]
    assert [path for path in reranked.results[0].paths if path.endswith(".txt")] == texts[::-1]


def test_a_question_the_model_cannot_embed_is_left_out_and_told(tmp_path: Path) -> None:
    files, embedder = small_world(tmp_path)
    embedder.spec = type(embedder.spec)("given", "given-1", DIM, frozenset({"text"}), embedder.spec.loader)
    with make(tmp_path, files) as reader:
        picture = Question("q:2", "", str(tmp_path / "files" / "a.png"), {str(tmp_path / "files" / "b.png"): 1.0})
        words = question(tmp_path, "words", "c.txt")
        found = evaluate([words, picture], reader, embedder, settings_by_name(["raw"]), no_reranker)
        assert found.skipped == [picture] and len(found.outcomes[0].results) == 1
        with pytest.raises(UsageError, match="cannot embed any"):
            evaluate([picture], reader, embedder, settings_by_name(["raw"]), no_reranker)


def test_an_impossible_setting_is_one_line() -> None:
    with pytest.raises(UsageError, match="unknown setting 'best': choose from raw, calibrated"):
        settings_by_name(["raw", "best"])
    with pytest.raises(UsageError, match="--dim 8: this index has 8 dimensions: give fewer"):
        truncated_settings([4, 8], 8)


def test_exact_and_indexed_search_agree_on_ties_and_small_partitions(tmp_path: Path) -> None:
    row: Vectors = unit(AXES[0] + AXES[1])
    with make(tmp_path, [one(f"{at}.txt", "text", row) for at in range(5)]) as reader:
        asked = [question(tmp_path, "q", "3.txt")]
        settings = settings_by_name(["calibrated", "exact"])
        indexed, exact = evaluate(asked, reader, GivenEmbedder({"q": row}, DIM), settings, no_reranker).outcomes
    assert indexed.results[0].paths == exact.results[0].paths
