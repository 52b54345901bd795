"""A Slack for tests, on the loopback: what the real app, SDK and daemon talk to."""

from fake_slack.faults import Hold
from fake_slack.server import FakeSlack
from fake_slack.thread import FakeSlackThread
from fake_slack.values import Ack, Call, Ephemeral, SlackFile, SlackMessage

__all__ = [
    "Ack",
    "Call",
    "Ephemeral",
    "FakeSlack",
    "FakeSlackThread",
    "Hold",
    "SlackFile",
    "SlackMessage",
]
