"""Its addresses."""

from django.contrib.auth import views
from django.urls import include, path

urlpatterns = [
    path("ops/", include("flowdeck.urls")),
    path("in/", views.LoginView.as_view(), name="login"),
]
