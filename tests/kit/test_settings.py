"""Settings: every problem at once, files beside the environment, derived logins, no unsafe production."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from domain.kit.settings import SettingsError, load_settings

OWNER = "postgresql://owner:secret@db:5432/replyx"


def test_all_problems_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    monkeypatch.setenv("DATABASE_URL", "mysql://owner:hush@db/x")
    monkeypatch.setenv("REPLYX_SHARDS", "many")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named == {"PORT", "DATABASE_URL", "REPLYX_SHARDS"}
    assert "hush" not in str(caught.value)
    assert "70000" in str(caught.value)


def test_a_secret_may_be_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openai_api_key").write_text("from a file\n")
    monkeypatch.setenv("REPLYX_SECRETS_DIR", str(tmp_path))
    assert load_settings().openai_api_key == "from a file"


def test_a_secrets_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLYX_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="nowhere is not a folder"):
        load_settings()


def test_the_other_logins_derive_from_the_owners() -> None:
    settings = load_settings(database_url=OWNER)
    app, worker = urlsplit(settings.app_dsn), urlsplit(settings.worker_dsn)
    assert (app.username, app.hostname, app.port, app.path) == ("replyx_app", "db", 5432, "/replyx")
    assert worker.username == "replyx_worker"
    assert app.password == settings.role_password("replyx_app") != worker.password
    assert "secret" not in settings.app_dsn


@pytest.mark.parametrize("owner", ["postgresql://owner@db/replyx", "postgresql:///replyx", "postgresql://owner:@db/x"])
def test_nothing_derives_from_an_owner_without_a_password(owner: str) -> None:
    settings = load_settings(database_url=owner, database_worker_url="postgresql://w:p@db/replyx")
    with pytest.raises(SettingsError, match="DATABASE_URL has no password to derive"):
        _ = settings.app_dsn
    assert settings.worker_dsn == "postgresql://w:p@db/replyx"


def test_a_given_login_is_used_as_it_is() -> None:
    settings = load_settings(database_url=OWNER, database_app_url="postgresql://a:b@pool:6432/replyx")
    assert settings.app_dsn == "postgresql://a:b@pool:6432/replyx"


def test_what_is_not_set_says_what_to_do() -> None:
    settings = load_settings()
    with pytest.raises(SettingsError, match=r"DATABASE_URL is not set.*replyx up"):
        _ = settings.owner_dsn
    with pytest.raises(SettingsError, match="REDIS_URL is not set"):
        _ = settings.redis_dsn


def test_production_refuses_unsafe_defaults(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(replyx_env="prod")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["PUBLIC_URL", "SECRET_KEY_FILE"]
    key = tmp_path / "key"
    key.write_text("x")
    settings = load_settings(replyx_env="prod", public_url="https://chat.example/", secret_key_file=key)
    assert settings.base_url == "https://chat.example"


def test_a_key_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SECRET_KEY_FILE: .* does not exist"):
        load_settings(secret_key_file=tmp_path / "none")
