"""Everybody changes their own password."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy

from flowdeck.extend import record_action


class PasswordChange(views.PasswordChangeView):
    """Asks for the old one; other sessions of this person and their API tokens end with it."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("flowdeck:account")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The demo's accounts are everybody's: they keep the password that the sign-in names."""
        if settings.DEMO:
            messages.warning(request, "Accounts of the demo keep their password.")
            return redirect(self.success_url)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Change it, note it, and say what ended."""
        name = form.user.get_username()
        with transaction.atomic():
            record_action("change_password", by=name, target=f"user {name}", count=1)
            answer = super().form_valid(form)
        messages.success(
            self.request,
            "Your password is changed. Other browsers are signed out, API tokens are revoked.",
        )
        return answer
