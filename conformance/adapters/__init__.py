"""Senders in other processes: the adapter protocol, version 1, and the processes that speak it.

A program in any language answers requests, one JSON object a line; see the page "A sender in any language" of the
documentation. What it answers is held against the types of `messages`; whatever differs is an `AdapterError` that shows
what was sent, expected and got.
"""

from conformance.adapters.channel import AttachedChannel, Channel, ProcessChannel, wait_for_adapter
from conformance.adapters.pool import AdapterPool
from conformance.adapters.remote import Adapter, RemoteSender
from conformance.adapters.world import AdapterWorld

__all__ = [
    "Adapter",
    "AdapterPool",
    "AdapterWorld",
    "AttachedChannel",
    "Channel",
    "ProcessChannel",
    "RemoteSender",
    "wait_for_adapter",
]
