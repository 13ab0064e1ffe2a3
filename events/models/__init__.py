"""The shop's tables: what it sells, what customers asked for, and its read models."""

from events.models.outbox import Notification
from events.models.read_models import OrderSummary, Sales, StockLevel
from events.models.shop import Checkout, Product

__all__ = ["Checkout", "Notification", "OrderSummary", "Product", "Sales", "StockLevel"]
