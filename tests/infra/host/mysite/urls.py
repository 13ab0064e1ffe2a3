"""The addresses that the project had before."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path, re_path
from django.views.generic import TemplateView
from django.views.static import serve

urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("members/sign-in/", auth.LoginView.as_view(template_name="sign_in.html"), name="sign-in"),
    path("members/sign-out/", auth.LogoutView.as_view(next_page="home"), name="sign-out"),
    path("events/", include("mysite.events.urls")),
    path("admin/", admin.site.urls),
    re_path("^static/(?P<path>.*)$", serve, {"document_root": settings.STATIC_ROOT}),
]
