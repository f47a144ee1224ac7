"""`causeway forward test` and `status`, and the settings they read."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from causeway.errors import ConfigError
from causeway.messages import catalogue
from causeway.state import open_state
from forwarders import commands
from forwarders.targets import common, targets
from tests.forwarders.test_alertmanager import listening


@pytest.fixture
def app():
    made = typer.Typer()
    commands.register(made)
    return made


def configured(folder, url, more=""):
    path = folder / "causeway.toml"
    path.write_text(f'[forward]\nlanguage = "en"\n{more}\n[[forward.alertmanager]]\nurl = "{url}"\n')
    return path


def test_test_alert_is_delivered(app, tmp_path):
    """Exit status 0, and the target got an alert that says it is a test."""
    with listening() as (url, posted):
        result = CliRunner().invoke(app, ["forward", "test", "--config", str(configured(tmp_path, url))])
    assert result.exit_code == 0 and "alertmanager" in result.stdout
    assert "test alert" in posted[0][2][0]["annotations"]["summary"]


def test_target_that_is_away_is_named(app, tmp_path):
    """Exit status 2 and the reason, as JSON on request."""
    with listening() as (url, _):
        pass
    arguments = ["forward", "test", "--config", str(configured(tmp_path, url)), "--format", "json"]
    result = CliRunner().invoke(app, arguments)
    answer = json.loads(result.stdout)["targets"][0]
    assert result.exit_code == 2 and answer["delivered"] is False and url in answer["reason"]


def test_nothing_configured_says_what_to_add(app, tmp_path):
    """No target is not a success."""
    path = tmp_path / "empty.toml"
    path.write_text("")
    result = CliRunner().invoke(app, ["forward", "test", "--config", str(path), "--lang", "zh-CN"])
    assert result.exit_code == 2 and "[[forward.alertmanager]]" in result.stdout


def test_status_counts_what_waits_and_says_why(app, tmp_path):
    """Waiting rows, their last error, and rows of targets that are not configured any more."""
    state = open_state(tmp_path)
    for name in ("alertmanager", "old"):
        state.enqueue(name, "INC-1/firing/CRITICAL", {}, now_ns=1)
        state.mark_failed(state.due(1, forwarder=name)[0].id, error="no answer", retry_ns=9, now_ns=2)
    state.close()
    path = configured(tmp_path, "http://127.0.0.1:9")
    result = CliRunner().invoke(app, ["forward", "status", "--data", str(tmp_path), "--config", str(path)])
    assert result.exit_code == 0
    assert "alertmanager (alertmanager): 1 waiting" in result.stdout and "no answer" in result.stdout
    assert "old: no longer configured" in result.stdout


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"forward": {"carrier_pigeon": {"url": "x"}}}, "carrier_pigeon"),
        ({"forward": {"lang": "en"}}, "lang"),
        ({"forward": {"language": "tlh"}}, "tlh"),
        ({"forward": 3}, "expected a table"),
        ({"forward": {"alertmanager": [{"url": "http://a"}, {"url": "http://b"}]}}, "two targets"),
        ({"forward": {"alertmanager": {"url": "http://a", "name": 3}}}, "name"),
    ],
)
def test_wrong_settings_are_named(config, said):
    """Unknown kinds, keys and doubled names are errors that name the place."""
    with pytest.raises(ConfigError, match=said):
        targets(config)


def test_targets_have_names_of_their_own():
    """One table or several; the name is the kind unless given."""
    config = {"forward": {"language": "zh-CN", "alertmanager": [{"url": "http://a"}, {"url": "http://b", "name": "b"}]}}
    found = targets(config)
    assert [(target.name, target.kind) for target in found] == [("alertmanager", "alertmanager"), ("b", "alertmanager")]
    assert common(config).language == "zh-CN"
    for target in found:
        target.forwarder.close()


def test_catalogues_agree():
    """Both languages say the same things with the same placeholders."""
    import re

    english, chinese = ({k: v for k, v in catalogue(one).items() if k.startswith("alert.")} for one in ("en", "zh-CN"))
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert sorted(re.findall(r"\{[^}]*\}", text)) == sorted(re.findall(r"\{[^}]*\}", chinese[name])), name
