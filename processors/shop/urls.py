"""Addresses of the shop, below ``/shop/``."""

from django.urls import path

from processors.shop import outbox, views

app_name = "shop"
urlpatterns = [
    path("", views.shop, name="shop"),
    path("orders/", views.place, name="orders"),
    path("outbox/", outbox.outbox, name="outbox"),
]
