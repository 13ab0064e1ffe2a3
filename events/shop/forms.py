"""What the shop's pages accept."""

from __future__ import annotations

from uuid import UUID, uuid4

from django import forms

MOST_SENT = 400
"""Lines that are looked at: a page sends one for each product, most of them with none wanted."""
_QUANTITY = forms.IntegerField(
    error_messages={
        "required": "Say how many.",
        "invalid": "Say how many as a whole number.",
    }
)


class OrderForm(forms.Form):
    """How many of which products. Stock, limits and scenario are the order command's to judge."""

    key = forms.UUIDField(required=False)
    scenario = forms.CharField(max_length=40, required=False)

    @property
    def typed(self) -> dict[str, str]:
        """What was asked for, as it was typed."""
        return dict(zip(self._sent("sku"), self._sent("quantity"), strict=False))

    def clean(self) -> None:
        """Put the lines that are wanted into ``cleaned_data["items"]``: all but those of none."""
        skus, quantities = self._sent("sku"), self._sent("quantity")
        if len(skus) != len(quantities) or len(skus) > MOST_SENT:
            raise forms.ValidationError(
                f"Each sku needs its quantity, and at most {MOST_SENT} are looked at; "
                f"sent were {len(skus)} and {len(quantities)}."
            )
        lines = zip(skus, map(_QUANTITY.clean, quantities), strict=True)
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in lines if quantity != 0]
        self.cleaned_data["items"] = items

    @property
    def key_value(self) -> UUID:
        """The idempotency key; a request without a usable one is an order of its own."""
        key: UUID | None = getattr(self, "cleaned_data", {}).get("key")
        return key or uuid4()

    def refusal(self) -> str:
        """The first thing that is wrong, in words."""
        return next(str(messages[0]) for messages in self.errors.values())

    def _sent(self, field: str) -> list[str]:
        sent: list[str] = self.data.getlist(field)  # type: ignore[union-attr] (a QueryDict)
        return sent
