"""What people may do becomes permissions of Django; groups that gave it go on giving it."""

from typing import Any

from django.db import connections, migrations, router

from flowdeck.conf import conf

_PERMISSIONS = [
    ("view_log", "Can see the event log and all traces"),
    ("view_processors", "Can see the processors"),
    ("pause_processor", "Can pause and resume processors"),
    ("view_dead_letters", "Can see dead letters"),
    ("retry_dead_letters", "Can retry and discard dead letters"),
    ("reveal_personal", "Can reveal personal data, with a reason"),
    ("operate_timers", "Can fire, move, cancel and hold timers"),
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
_LOOKS = (
    "view_log",
    "view_processors",
    "view_connectors",
    "view_dead_letters",
    "view_alerts",
    "view_replay",
)
_ADMINS = ("set_webhook", "publish_events", "keep_log", "manage_tokens")
_ALL = tuple(codename for codename, _ in _PERMISSIONS)
_GIVEN = {
    "viewer": _LOOKS,
    "operator": tuple(codename for codename in _ALL if codename not in _ADMINS),
    "admin": _ALL,
}


def keep_groups(apps: Any, editor: Any) -> None:
    """Give the group of each role, where there is one, what its members could do."""
    group = apps.get_model("auth", "Group")
    alias = router.db_for_write(group)
    if group._meta.db_table not in connections[alias].introspection.table_names():
        return  # people are in another database, which is not migrated yet: there are no groups
    named = {name: role for role, name in conf().GROUPS.items()}
    groups = group.objects.using(alias).filter(name__in=named)
    if not groups:
        return
    # `migrate` makes these two only after its last migration.
    of_type, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(alias)
        .get_or_create(app_label="flowdeck", model="access")
    )
    known = apps.get_model("auth", "Permission").objects.using(alias)
    rows = {
        codename: known.get_or_create(
            content_type=of_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in _PERMISSIONS
    }
    for group in groups:
        group.permissions.add(*(rows[codename] for codename in _GIVEN[named[group.name]]))


class Migration(migrations.Migration):
    dependencies = [
        ("flowdeck", "0017_schedules"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Access",
            fields=[],
            options={
                "permissions": _PERMISSIONS,
                "proxy": True,
                "default_permissions": (),
                "indexes": [],
                "constraints": [],
            },
            bases=("flowdeck.event",),
        ),
        migrations.RunPython(keep_groups, migrations.RunPython.noop),
    ]
