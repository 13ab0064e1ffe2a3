"""The brokers: one module each over its best-kept client, chosen by the scheme of its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from flowdeck.conf import conf
from flowdeck.connect import signatures
from flowdeck.connect.messages import DeliveryFiles, Receiver, Sender

_MODULES = {
    "redis": "redis_streams",
    "rediss": "redis_streams",
    "unix": "redis_streams",
    "kafka": "kafka",
    "amqp": "amqp",
    "amqps": "amqp",
    "nats": "nats",
    "tls": "nats",
    "https": "webhook",
    "http": "webhook",
    "sqs": "aws",
    "sns": "aws",
    "parquet": "parquet",
}
_CLIENTS = {
    "redis_streams": "redis",
    "kafka": "confluent_kafka",
    "amqp": "amqp",
    "nats": "nats",
    "aws": "boto3",
    "parquet": "pyarrow",
}
_EXTRAS = {
    "redis_streams": "redis",
    "kafka": "kafka",
    "amqp": "rabbitmq",
    "nats": "nats",
    "aws": "aws",
    "parquet": "parquet",
}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a broker, taken apart. ``options`` are those behind the ``?``."""

    name: str
    url: str
    scheme: str
    host: str
    path: str
    user: str
    password: str
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """As people may see it: without user, password and options."""
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def bare(self) -> str:
        """As clients take it: without options."""
        return self.url.partition("?")[0]

    def number(self, name: str, default: int) -> int:
        """An option that is a number. Raises ImproperlyConfigured if it is none."""
        text = self.options.get(name, "")
        if text and not text.isdigit():
            raise ImproperlyConfigured(
                f"FLOWDECK['BROKERS'][{self.name!r}] has {name}={text!r}, which is no number."
            )
        return int(text) if text else default

    def cleaned(self, text: str) -> str:
        """What a client says, without the password if it repeats the address."""
        return text.replace(self.password, "…") if self.password else text


def address(name: str) -> Address:
    """That of a broker of the settings. Raises ImproperlyConfigured."""
    url = conf().BROKERS.get(name)
    if url is None:
        known = ", ".join(sorted(conf().BROKERS)) or "none"
        raise ImproperlyConfigured(f"FLOWDECK['BROKERS'] has no {name!r}; it has {known}.")
    parts = urlsplit(url)
    if parts.scheme not in _MODULES:
        raise ImproperlyConfigured(
            f"FLOWDECK['BROKERS'][{name!r}] begins with {parts.scheme!r}://; known are "
            f"{', '.join(sorted(_MODULES))}."
        )
    return Address(
        name=name,
        url=url,
        scheme=parts.scheme,
        host=parts.netloc.rpartition("@")[2],
        path=parts.path,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        options=dict(parse_qsl(parts.query)),
    )


def is_webhook(name: str) -> bool:
    """Whether messages to this broker of the settings are posted to a webhook."""
    return _MODULES.get(urlsplit(conf().BROKERS.get(name, "")).scheme) == "webhook"


def sender(name: str) -> Sender:
    """A connection to send with. Raises BrokerAway, or ImproperlyConfigured."""
    found = address(name)
    return cast(Sender, _module(found).open_sender(found))


def delivery_files(name: str, to: str) -> DeliveryFiles:
    """The files that deliveries are written to. Raises BrokerAway, or ImproperlyConfigured."""
    if said := no_files(name):
        raise ImproperlyConfigured(said)
    return cast(DeliveryFiles, _module(address(name)).open_deliveries(address(name), to))


def no_files(name: str) -> str:
    """Why deliveries can't be written to this broker; empty if they can."""
    if address(name).scheme == "parquet":
        return ""
    return f"FLOWDECK['BROKERS'][{name!r}] takes no deliveries: its address begins with parquet://."


def receiver(name: str, source: str, group: str, offsets: Mapping[str, str]) -> Receiver:
    """A connection to receive with, which goes on at our own ``offsets``, by part.

    Raises BrokerAway, or ImproperlyConfigured.
    """
    found = address(name)
    return cast(Receiver, _module(found).open_receiver(found, source, group, offsets))


def _module(found: Address) -> ModuleType:
    name = _MODULES[found.scheme]
    try:
        if name in _CLIENTS:
            import_module(_CLIENTS[name])
    except ImportError as error:
        raise ImproperlyConfigured(
            f"FLOWDECK['BROKERS'][{found.name!r}] needs {_CLIENTS[name]}: "
            f"pip install flowdeck[{_EXTRAS[name]}]."
        ) from error
    return import_module(f"flowdeck.connect.brokers.{name}")


def fault(name: str) -> str:
    """What is wrong with a broker's setting, or ""."""
    try:
        _module(address(name))
        for secret in conf().WEBHOOK_SECRETS.get(name, ()):
            signatures.key(secret)
    except ImproperlyConfigured as error:
        return str(error)
    return ""
