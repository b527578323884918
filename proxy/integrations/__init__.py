"""Integrations by name: every folder here with a manifest is one, and nothing is registered anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proxy.capabilities.calling import CallUpstream
    from proxy.capabilities.chat import ChatProvider
    from proxy.capabilities.inventory import InventoryProvider
    from proxy.capabilities.payments import PaymentProvider
    from proxy.capabilities.sms import SmsProvider
    from proxy.integrations.stand_in import Tell
    from proxy.pipeline import Handler

_HERE = Path(__file__).parent
MOCK = "mock"
INTERFACES = {  # capability -> its module in proxy/capabilities, its interface, its mock, its settings
    "payments": ("payments", "PaymentProvider", "MockPaymentAdapter", "PaymentSettings"),
    "sms": ("sms", "SmsProvider", "MockSmsAdapter", "SmsSettings"),
    "chat": ("chat", "ChatProvider", "MockChatAdapter", "ChatSettings"),
    "inventory": ("inventory", "InventoryProvider", "MockInventoryAdapter", "InventorySettings"),
}


def names() -> tuple[str, ...]:
    """The presets there are, in alphabetical order."""
    return tuple(sorted(manifest.parent.name for manifest in _HERE.glob("*/manifest.yaml")))


def folder(name: str) -> Path:
    """Where an integration's files are. Raises `LookupError` that lists the integrations there are."""
    if name not in names():
        raise LookupError(f"there is no integration {name!r}; there are {', '.join(names())}")
    return _HERE / name


def has_fake(name: str) -> bool:
    """True if `mode: mock` is possible. Raises `LookupError` for an integration that is not there."""
    return (folder(name) / "fake.py").is_file()


def fake(name: str, *, wall: Callable[[], float], tell: Tell | None = None) -> Handler:
    """A new fake of the provider, with a state of its own, to stand in a transport's place.

    `wall`: Unix seconds. `tell` gets what the provider would send to a webhook; None: nobody listens.
    Raises `LookupError` where there is no such integration, or it has no fake.
    """
    if not has_fake(name):
        able = ", ".join(other for other in names() if has_fake(other))
        raise LookupError(f"integration {name!r} has no fake for mode: mock; those that have one: {able}")
    made: Handler = import_module(f"{__name__}.{name}.fake").fake(wall=wall, **({} if tell is None else {"tell": tell}))
    return made


def providers(capability: str) -> tuple[str, ...]:
    """Who can stand behind a capability: `mock`, and the integrations whose adapter implements its interface."""
    return (MOCK, *(name for name in names() if adapter(name, capability) is not None))


def adapter(name: str, capability: str) -> type[Any] | None:
    """The class in an integration's `adapter.py` that implements the capability's interface; None: there is none."""
    if name not in names() or not (_HERE / name / "adapter.py").is_file():
        return None
    interface = _of(capability)[0]
    found = vars(import_module(f"{__name__}.{name}.adapter")).values()
    return next(
        (one for one in found if isinstance(one, type) and issubclass(one, interface) and one is not interface), None
    )


def adapter_for(name: str, capability: str) -> type[Any]:
    """The same, for a provider that is configured. Raises `LookupError` that lists the providers there are."""
    found = adapter(name, capability)
    if found is None:
        raise LookupError(
            f"there is no provider {name!r} of {capability}; there are {', '.join(providers(capability))}"
        )
    return found


def get_payment_provider(config: object, call: CallUpstream | None = None) -> PaymentProvider:
    """Who takes payments by `config`: settings or a map with `provider`, or a whole configuration.

    `call`: the pipeline of the upstream, which every provider but `mock` needs. Raises `LookupError` that lists the
    providers there are, and `ValueError` where `call` is missing.
    """
    made: PaymentProvider = _made("payments", config, call)
    return made


def get_sms_provider(config: object, call: CallUpstream | None = None) -> SmsProvider:
    """Who sends text messages; as `get_payment_provider`."""
    made: SmsProvider = _made("sms", config, call)
    return made


def get_chat_provider(config: object, call: CallUpstream | None = None) -> ChatProvider:
    """Who posts to channels; as `get_payment_provider`."""
    made: ChatProvider = _made("chat", config, call)
    return made


def get_inventory_provider(config: object, call: CallUpstream | None = None) -> InventoryProvider:
    """Who keeps the stock; as `get_payment_provider`."""
    made: InventoryProvider = _made("inventory", config, call)
    return made


FACTORIES: Mapping[str, Callable[..., object]] = {
    "payments": get_payment_provider,
    "sms": get_sms_provider,
    "chat": get_chat_provider,
    "inventory": get_inventory_provider,
}


def _made(capability: str, config: object, call: CallUpstream | None) -> Any:
    interface, mock, kind = _of(capability)
    settings = _settings(capability, config, kind)
    name = settings.provider or MOCK
    if name == MOCK:
        return mock()
    found = adapter_for(name, capability)
    if call is None:
        raise ValueError(f"{name} needs `call`, the pipeline of its upstream; outside of the proxy use proxy.client")
    made: object = found(call, settings)
    if not isinstance(made, interface):
        raise TypeError(f"{found.__name__} is no {interface.__name__}")
    return made


def _settings(capability: str, config: object, kind: type[Any]) -> Any:
    """The capability's own settings, out of whatever form of configuration they were given in."""
    for key in ("capabilities", capability):
        config = config.get(key, config) if isinstance(config, Mapping) else getattr(config, key, config)
    if isinstance(config, Mapping):
        return kind(**{"from_" if key == "from" else key: value for key, value in config.items()})
    if not isinstance(config, kind):
        raise TypeError(f"settings of {capability} are wanted, as {kind.__name__} or as a map")
    return config


def _of(capability: str) -> tuple[type[Any], type[Any], type[Any]]:
    module, *classes = INTERFACES[capability]
    found = import_module(f"proxy.capabilities.{module}")
    interface, mock, settings = (getattr(found, name) for name in classes)
    return interface, mock, settings
