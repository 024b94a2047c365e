"""Settings: one tree from four sources, closed, and one sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from serving.settings import Settings
from serving.sources import keys, read_settings
from vision_ft.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUNDLE", "HOST", "PORT", "DEVICE", "THREADS", "CONFIG"):
        monkeypatch.delenv(f"VISION_FT_{name}", raising=False)


def write(folder: Path, content: object) -> str:
    path = folder / "serve.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def test_flags_win_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits_in_file = {"max_body_mb": 1, "max_batch_images": 5}
    file = write(tmp_path, {"host": "file", "port": 1, "device": "cpu", "limits": limits_in_file})
    monkeypatch.setenv("VISION_FT_PORT", "2")
    monkeypatch.setenv("VISION_FT_HOST", "environment")
    monkeypatch.setenv("VISION_FT_LIMITS__MAX_BODY_MB", "2")
    settings = read_settings(["some/bundle", "--config", file, "--port", "3", "--limits.max_megapixels", "7"])
    assert (settings.device, settings.host, settings.port) == ("cpu", "environment", 3)
    limits = settings.limits
    assert (limits.max_batch_images, limits.max_body_mb, limits.max_megapixels) == (5, 2.0, 7.0)
    assert settings.bundle == Path("some/bundle")


def test_the_environment_can_name_file_and_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_FT_CONFIG", write(tmp_path, {"port": 4}))
    monkeypatch.setenv("VISION_FT_BUNDLE", "other/bundle")
    settings = read_settings([])
    assert (settings.port, settings.bundle) == (4, Path("other/bundle"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("VISION_FT_PROT", "Did you mean VISION_FT_PORT?"),
        ("VISION_FT_LIMITS__MAX_BODYMB", "Did you mean VISION_FT_LIMITS__MAX_BODY_MB?"),
        ("VISION_FT_MAX_BODY_MB", "Did you mean VISION_FT_LIMITS__MAX_BODY_MB?"),
        ("VISION_FT_LIMITS__NOTHING", "setting 'limits.nothing' does not exist"),
        ("VISION_FT_THREADS", "setting threads: expected a valid integer"),
    ],
)
def test_wrong_environment(monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.setenv(name, "many")
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        read_settings([])
    assert words in str(caught.value)


def test_others_may_have_variables_of_the_same_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISION_FT_DATA", "somewhere")
    assert read_settings([]).port == 8000


def test_the_shipped_file_states_every_default() -> None:
    file = REPOSITORY / "configs" / "serve.yaml"
    shipped = read_settings(["--config", str(file)])
    assert shipped.model_copy(update={"config": None}) == Settings()
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    stated = {f"{k}.{n}" for k, v in content.items() if isinstance(v, dict) for n in v}
    stated |= {k for k, v in content.items() if not isinstance(v, dict)}
    assert set(keys()) - stated == {"bundle", "config"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--prot", "80"], "flag --prot does not exist. Did you mean --port?"),
        (["--max-body-mb", "80"], "Did you mean --limits.max_body_mb?"),
        (["--port", "many"], "setting port: expected a valid integer"),
        (["--port", "70000"], "setting port: expected less than or equal to 65535, got '70000'"),
        (["--device", "tpu"], "setting device: expected 'auto', 'cpu' or 'cuda', got 'tpu'"),
        (["--limits.max_body_mb", "0"], "setting limits.max_body_mb: expected greater than 0"),
        (["--limits.max_megapixels", "inf"], "setting limits.max_megapixels: expected a finite number, got 'inf'"),
        (["--limits.max_body_mb", "inf"], "setting limits.max_body_mb: expected a finite number"),
        (["--limits.max_pending_mb", "nan"], "setting limits.max_pending_mb: expected a finite number"),
        (["--batching.max_wait_ms", "nan"], "setting batching.max_wait_ms: expected a finite number"),
        (["--drain_s", "inf"], "setting drain_s: expected a finite number"),
        (["--drain_s", "1e300"], "setting drain_s: expected less than or equal to 86400"),
        (["--deadline_s", "1e300"], "setting deadline_s: expected less than or equal to 86400"),
        (["--root_path", "vision/"], "setting root_path"),
        (["--port"], "expected one argument"),
        (["--config"], "expected one argument"),
        (["a", "b"], "argument 'b' is one too many"),
        (["--config", "nowhere.yaml"], "nowhere.yaml does not exist"),
    ],
)
def test_wrong_flags(argv: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        read_settings(argv)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"prot": 80}, "setting 'prot' does not exist. Did you mean port?"),
        ({"limits": {"max_body": 3}}, "setting 'limits.max_body' does not exist. Did you mean limits.max_body_mb?"),
        ({"max_wait_ms": 3}, "Did you mean batching.max_wait_ms?"),
        ({"port": [1]}, "setting port: expected a valid integer, got [1]"),
        ("- a\n- b\n", "expected settings as `key: value` lines, got list"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_wrong_files(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        read_settings(["--config", write(tmp_path, content)])
    assert words in str(caught.value)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read_settings(["--config", write(tmp_path, "")]).port == 8000


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_settings(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: vision-ft serve")
    for key in keys():
        assert key == "bundle" or f"--{key}" in text
