"""Every address of the site; each app names its own below these."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path, re_path

from eda_site.api import api
from eda_site.passwords import PasswordChange

login = auth.LoginView.as_view(
    redirect_authenticated_user=True,
    extra_context={
        "demo_accounts": settings.DEMO_ACCOUNTS,
        "demo_password": settings.DEMO_PASSWORD,
    },
)

handler500 = "flowdeck.dashboard.shell.unavailable.server_error"
urlpatterns = [
    path("", include("flowdeck.probes.urls")),
    path("", include("flowdeck.metrics.urls")),
    path("otlp/", include("flowdeck.otlp.urls")),
    path("", include("flowdeck.urls")),
    path("lab/", include("lab.urls")),
    path("shop/", include("events.shop.urls")),
    path("api/v1/", api.urls),
    re_path("^api/", api.missing, name="unknown-api"),
    path("accounts/login/", login, name="login"),
    path("accounts/password/", PasswordChange.as_view(), name="password_change"),
    path("accounts/logout/", auth.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
