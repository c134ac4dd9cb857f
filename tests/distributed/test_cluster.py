"""`strategy="auto"`: wrong clusters are errors within a minute, on every worker."""

import json
import socket
import threading

import pytest

from mlkit.cli._group import configurations
from mlkit.training._cluster import auto_strategy, read_config, strategy_of
from mlkit.training._meeting import meet


def addresses(count):
    return json.loads(configurations(count)[0])["cluster"]["worker"]


def in_threads(lists, patience=5.0, facts=None):
    """Let members meet, one a thread; returns what each raised, or None."""
    facts = facts or [{}] * len(lists)
    raised = [None] * len(lists)

    def one(index):
        try:
            meet(lists[index], index, patience, facts[index])
        except Exception as error:
            raised[index] = error

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(lists))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_members_meet():
    assert in_threads([addresses(3)] * 3) == [None] * 3


def test_a_member_that_does_not_appear_is_named():
    there = addresses(2)
    with pytest.raises(TimeoutError, match=rf"Worker 0 cannot reach worker 1 at {there[1]}"):
        meet(there, 0, 1.0)


def test_members_with_other_lists_do_not_meet():
    there = addresses(3)
    for error in in_threads([there[:2], there], 1.5):
        assert isinstance(error, TimeoutError)


def test_members_with_other_code_are_named_on_all():
    facts = [{"Keras": "3.15.1"}, {"Keras": "3.15.1"}, {"Keras": "3.16.0"}]
    for error in in_threads([addresses(3)] * 3, facts=facts):
        assert isinstance(error, ValueError)
        assert "Keras is" in str(error)
        assert "3.16.0 on worker 2" in str(error)


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"The port of worker 0, 127.0.0.1:{port}, cannot be"):
            meet([f"127.0.0.1:{port}", "127.0.0.1:1"], 0, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TF_CONFIG must be JSON such as"),
        ('{"cluster": {}}', "TF_CONFIG must be JSON such as"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "worker 1"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "need one 'chief'"),
        (
            '{"cluster": {"evaluator": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
            "no task",
        ),
    ],
)
def test_a_wrong_config_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_config(text)


def test_the_chief_comes_first():
    cluster = {"worker": ["a:1", "b:1"], "chief": ["c:1"]}
    task = {"type": "worker", "index": 1}
    found = read_config(json.dumps({"cluster": cluster, "task": task}))
    assert (found.addresses, found.index) == (["c:1", "a:1", "b:1"], 2)


def test_auto_is_none_on_one_device(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert strategy_of("auto") is auto_strategy() is None
    assert strategy_of(None) is None
    with pytest.raises(TypeError, match=r"must be a tf\.distribute\.Strategy"):
        strategy_of("mirrored")
