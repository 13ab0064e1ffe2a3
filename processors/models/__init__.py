"""The shop's tables: what it sells, what its processors keep, and its read models."""

from processors.models.keeping import (
    Charge,
    FraudWatch,
    Mediation,
    Notification,
    ProviderCall,
    Reservation,
    Stock,
    SwitchedFault,
)
from processors.models.lab import LabAccount, LabBalance, LabProgress, LabRun, LabSeen
from processors.models.read_models import OrderSummary, Sales, StockLevel
from processors.models.shop import Checkout, Product

__all__ = [
    "Charge",
    "Checkout",
    "FraudWatch",
    "LabAccount",
    "LabBalance",
    "LabProgress",
    "LabRun",
    "LabSeen",
    "Mediation",
    "Notification",
    "OrderSummary",
    "Product",
    "ProviderCall",
    "Reservation",
    "Sales",
    "Stock",
    "StockLevel",
    "SwitchedFault",
]
