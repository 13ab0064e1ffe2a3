"""The AsyncAPI 3.0 document: what is published here, who hears it, where it goes and comes from.

It is made from the declarations alone, so it is the same wherever the code runs. A type's channel
is the log, which has no address outside; outlets and inlets have those of their brokers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from flowdeck.conf import conf
from flowdeck.connect import brokers
from flowdeck.connect.mapping import Inlet, inlets
from flowdeck.connect.messages import JSON, STRUCTURED
from flowdeck.connect.outlets import Outlet, outlets
from flowdeck.declare import lock
from flowdeck.declare.registry import registry

Object = dict[str, Any]
_PROTOCOLS = {"unix": "redis", "rediss": "redis"}
_TEXT = {"type": "string"}
_HEADERS: Object = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "time"],
    "properties": {
        "specversion": {"type": "string", "const": "1.0"},
        "id": {**_TEXT, "format": "uuid", "description": "The same, however often it is sent."},
        "source": _TEXT,
        "type": {**_TEXT, "description": "The event type."},
        "subject": {**_TEXT, "description": "The stream."},
        "time": {**_TEXT, "format": "date-time"},
        "orderkey": {**_TEXT, "description": "What order is kept by."},
        "sequence": {**_TEXT, "description": "Its number in the stream."},
        "position": {**_TEXT, "description": "Its number in the log."},
        "correlationid": {**_TEXT, "format": "uuid"},
        "causationid": {**_TEXT, "format": "uuid"},
        "via": {
            **_TEXT,
            "description": "The message that its trace came in by.",
        },
        "producer": _TEXT,
        "dataversion": {**_TEXT, "description": "The version of the payload."},
        "recordedtime": {**_TEXT, "format": "date-time"},
    },
}


def document(title: str, version: str) -> Object:
    """The whole of it. Versions that only ``SCHEMAS_LOCK`` knows are in it, too."""
    messages, servers = _messages(), _servers()
    versions = _versions(messages)
    channels: Object = {}
    operations: Object = {}
    for name in sorted(registry.event_types):
        channels[f"log.{name}"] = _log_channel(name, versions[name])
    for key, operation in _processors():
        operations[key] = operation
    for outlet in outlets.values():
        for name in outlet.types or sorted(registry.event_types):
            key = f"outlet.{outlet.name}.{name}"
            at = _at(servers, outlet.broker)
            channels[key] = {**_outlet_channel(outlet, name, versions[name]), **at}
            operations[key] = _operation("send", key, f"Hands on what is in the log as {name}.")
    for inlet in inlets.values():
        key = f"inlet.{inlet.name}"
        channels[key] = {**_inlet_channel(inlet), **_at(servers, inlet.broker)}
        operations[key] = _operation("receive", key, "Takes messages into the log.")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": JSON,
        "servers": servers,
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"cloudevent": _HEADERS}},
    }


def _servers() -> Object:
    """The brokers that connectors name and the settings know, without user and password."""
    found: Object = {}
    named = {one.broker for one in outlets.values()} | {one.broker for one in inlets.values()}
    for name in sorted(named):
        try:
            address = brokers.address(name)
        except ImproperlyConfigured:
            continue
        protocol = _PROTOCOLS.get(address.scheme, address.scheme)
        found[name] = {"host": address.host or "localhost", "protocol": protocol}
        if address.path.strip("/"):
            found[name]["pathname"] = address.path
    return found


def _messages() -> Object:
    """Each version of each type, as ``ParcelSent.v2``."""
    known = lock.read(Path(conf().SCHEMAS_LOCK))
    for name, versions in lock.current().items():
        known.setdefault(name, {}).update(versions)
    found: Object = {
        f"{name}.v{version}": {
            "name": name,
            "title": f"{name}, version {version}",
            "contentType": JSON,
            "headers": {"$ref": "#/components/schemas/cloudevent"},
            "payload": schema,
        }
        for name, versions in sorted(known.items())
        for version, schema in versions.items()
    }
    if inlets:
        found["cloudevent"] = {
            "name": "cloudevent",
            "title": "A CloudEvent of another system",
            "contentType": STRUCTURED,
            "payload": {"type": "object"},
        }
    return found


def _versions(messages: Object) -> dict[str, Object]:
    """What a channel of a type carries: its messages, by type."""
    found: dict[str, Object] = defaultdict(dict)
    for key in messages:
        found[key.rpartition(".v")[0]][key] = {"$ref": f"#/components/messages/{key}"}
    return found


def _log_channel(name: str, messages: Object) -> Object:
    return {
        "address": None,
        "title": name,
        "description": "The log of this installation.",
        "messages": messages,
    }


def _outlet_channel(outlet: Outlet, name: str, messages: Object) -> Object:
    return {
        "address": outlet.to.format(type=name),
        "title": f"{name} by {outlet.name}",
        "description": f"At least once, in order by key; personal values are {outlet.personal}.",
        "messages": messages,
    }


def _inlet_channel(inlet: Inlet) -> Object:
    return {
        "address": inlet.source,
        "title": inlet.name,
        "messages": {"cloudevent": {"$ref": "#/components/messages/cloudevent"}},
    }


def _at(servers: Object, broker: str) -> Object:
    return {"servers": [{"$ref": f"#/servers/{broker}"}]} if broker in servers else {}


def _processors() -> Iterator[tuple[str, Object]]:
    for name, processor in sorted(registry.processors.items()):
        for heard in processor.subscriptions:
            if heard in registry.event_types:
                said = processor.description or f"{name} handles it."
                yield f"{name}.hears.{heard}", _operation("receive", f"log.{heard}", said)
        for emitted in processor.emits or ():
            if emitted in registry.event_types:
                said = f"{name} emits it."
                yield f"{name}.emits.{emitted}", _operation("send", f"log.{emitted}", said)


def _operation(action: str, channel: str, summary: str) -> Object:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
