"""What people may do, and the bearer tokens by which programs do it in their name."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from flowdeck.models.event import Event


class Access(Event):
    """No rows of its own: what of the library may be allowed, as permissions of Django.

    A proxy, so that there is a content type for them and no table.
    """

    class Meta:
        proxy = True
        default_permissions = ()
        permissions = [
            ("view_log", "Can see the event log and all traces"),
            ("view_processors", "Can see the processors"),
            ("pause_processor", "Can pause and resume processors"),
            ("change_limits", "Can change the limits of processors"),
            ("view_dead_letters", "Can see dead letters"),
            ("retry_dead_letters", "Can retry and discard dead letters"),
            ("repair_dead_letters", "Can give dead letters another payload"),
            ("reveal_personal", "Can reveal personal data, with a reason"),
            ("operate_timers", "Can fire, move, cancel and hold timers"),
            ("operate_processes", "Can stop instances of processes"),
            ("view_connectors", "Can see the connectors"),
            ("manage_connectors", "Can pause and resume connectors"),
            ("rewind_connectors", "Can rewind connectors"),
            ("view_alerts", "Can see alerts and their rules"),
            ("manage_alerts", "Can set and mute alert rules"),
            ("set_webhook", "Can say which address a webhook is sent to"),
            ("view_database", "Can see how the database is doing"),
            ("view_audit", "Can see the audit"),
            ("view_replay", "Can see replays of read models"),
            ("run_replay", "Can verify and rebuild read models"),
            ("redeliver", "Can give a processor past events again"),
            ("publish_events", "Can publish events over the API"),
            ("run_checklist", "Can run the design review"),
            ("open_admin", "Can open the admin"),
            ("announce_release", "Can announce a release"),
            ("keep_log", "Can export, import and archive the log, and forget a person"),
            ("manage_tokens", "Can see and revoke everybody's API tokens"),
        ]


class ApiToken(models.Model):
    """A revocable bearer token. Only its SHA-256 digest is stored; the token is shown once.

    ``scope`` narrows what its user may do: ``read`` looks only, ``send`` publishes events, and
    ``span`` sends spans; these do nothing else. ``types`` are the event types that it may publish,
    with spaces between; none: all.
    """

    class Scope(models.TextChoices):
        FULL = "full", "all that I may do"
        READ = "read", "look only"
        SEND = "send", "publish events only"
        SPANS = "span", "send spans only"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=60, default="")
    scope = models.CharField(max_length=4, choices=Scope, default=Scope.FULL)
    types = models.TextField(db_default="")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Whose, never what."""
        return f"token {self.pk} of {self.user}"
