"""Addresses of the shop, below ``/shop/``."""

from django.urls import path

from events.shop import outbox, views

app_name = "shop"
urlpatterns = [
    path("", views.shop, name="shop"),
    path("orders/", views.place, name="orders"),
    path("orders/<int:order_id>/cancel/", views.cancel, name="cancel"),
    path("outbox/", outbox.outbox, name="outbox"),
]
