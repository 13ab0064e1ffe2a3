"""What the shop's pages accept."""

from __future__ import annotations

from uuid import UUID, uuid4

from django import forms


class OrderForm(forms.Form):
    """One product, so many of it. Stock and scenario are the order command's to judge."""

    key = forms.UUIDField(required=False)
    sku = forms.CharField(max_length=40)
    quantity = forms.IntegerField(
        error_messages={
            "required": "Say how many.",
            "invalid": "Say how many as a whole number.",
        }
    )
    scenario = forms.CharField(max_length=40, required=False)

    @property
    def key_value(self) -> UUID:
        """The idempotency key; a request without a usable one is an order of its own."""
        key: UUID | None = getattr(self, "cleaned_data", {}).get("key")
        return key or uuid4()

    def refusal(self) -> str:
        """The first thing that is wrong, in words."""
        return next(str(messages[0]) for messages in self.errors.values())
