"""Deliveries in two tables: what is due and what is done. Attempts and the audit name them anew."""

import django.db.models.deletion
from django.db import migrations, models

from flowdeck.sql import dialect
from flowdeck.sql.install import Install

_COLUMNS = "position, processor, attempts, retried, started_at, finished_at"
# Letters keep their numbers, which were those of their deliveries.
_LETTER = "CASE WHEN fingerprint <> '' OR state IN ('dead', 'discarded') THEN id END"
_MOVE = (
    f"INSERT INTO flowdeck_due ({_COLUMNS}, key, slot, state, due_at, fingerprint, letter) "
    f"SELECT {_COLUMNS}, key, slot, state, due_at, fingerprint, {_LETTER} "
    "FROM flowdeck_delivery_before WHERE state <> 'done' ORDER BY position",
    f"INSERT INTO flowdeck_done ({_COLUMNS}, letter, fingerprint) "
    f"SELECT {_COLUMNS}, {_LETTER}, fingerprint "
    "FROM flowdeck_delivery_before WHERE state = 'done' ORDER BY position",
    "DROP TABLE flowdeck_delivery_before",
)
_NEXT_LETTER = """
SELECT setval('flowdeck_letter', coalesce(max(id), 0) + 1, false) FROM flowdeck_delivery_before
"""


def _name_by_position(apps, editor):
    """What names a delivery by its id names it by position and processor; lanes by position."""
    for table in ("flowdeck_attempt", "flowdeck_auditeddelivery"):
        editor.execute(
            f"UPDATE {table} SET "
            f"position = (SELECT position FROM flowdeck_delivery d WHERE d.id = delivery_id), "
            f"processor = (SELECT processor FROM flowdeck_delivery d WHERE d.id = delivery_id)"
        )
    editor.execute(
        "UPDATE flowdeck_lane SET suspect = "
        "(SELECT position FROM flowdeck_delivery d WHERE d.id = suspect) "
        "WHERE suspect IS NOT NULL"
    )


def _step_aside(apps, editor):
    editor.execute("ALTER TABLE flowdeck_delivery RENAME TO flowdeck_delivery_before")


def _move(apps, editor):
    """Each row into the table that it belongs to."""
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(position), 0) FROM flowdeck_event")
        newest = cursor.fetchone()[0]
        if editor.connection.vendor == "postgresql":
            ahead = dialect().partitions_ahead(newest)
            dialect().make_partitions(cursor, [*range(0, newest, ahead[1] - ahead[0]), *ahead])
            cursor.execute(_NEXT_LETTER)
        for statement in _MOVE:
            cursor.execute(statement)


def _event(related_name="+", **more):
    return models.ForeignKey(
        db_column="position",
        db_constraint=False,
        db_index=False,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name=related_name,
        to="flowdeck.event",
        **more,
    )


def _key():
    return (
        "pk",
        models.CompositePrimaryKey(
            "event", "processor", blank=True, editable=False, primary_key=True, serialize=False
        ),
    )


def _state():
    names = ("pending", "retrying", "done", "dead", "discarded")
    choices = [(name, name.capitalize()) for name in names]
    return models.CharField(choices=choices, db_default="pending", max_length=10)


def _waiting(**slot):
    """Fields of what may be due; ``slot``: options of its slot."""
    return [
        _key(),
        ("processor", models.CharField(max_length=64)),
        ("key", models.CharField(max_length=200)),
        ("slot", models.PositiveSmallIntegerField(**slot)),
        ("state", _state()),
        ("attempts", models.PositiveSmallIntegerField(db_default=0)),
        ("due_at", models.DateTimeField(null=True)),
        ("started_at", models.DateTimeField(null=True)),
        ("finished_at", models.DateTimeField(null=True)),
        ("fingerprint", models.CharField(db_default="", max_length=32)),
        ("retried", models.PositiveSmallIntegerField(db_default=0)),
        ("letter", models.BigIntegerField(null=True)),
    ]


class Migration(migrations.Migration):
    """Move them, however many there are, in one transaction, with the workers stopped."""

    dependencies = [("flowdeck", "0009_trace_end")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="event",
            field=_event(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="attempt",
            name="processor",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditeddelivery",
            name="position",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="auditeddelivery",
            name="processor",
            field=models.CharField(default="", max_length=64),
            preserve_default=False,
        ),
        migrations.RunPython(_name_by_position, migrations.RunPython.noop),
        migrations.AlterModelOptions(
            name="attempt", options={"ordering": ["event_id", "processor", "number"]}
        ),
        migrations.RemoveField(model_name="attempt", name="delivery"),
        migrations.RemoveIndex(model_name="auditeddelivery", name="flowdeck_audited_delivery"),
        migrations.RemoveField(model_name="auditeddelivery", name="delivery"),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(fields=["event", "processor"], name="flowdeck_attempt_delivery"),
        ),
        migrations.AddIndex(
            model_name="auditeddelivery",
            index=models.Index(fields=["position", "entry"], name="flowdeck_audited_delivery"),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunPython(_step_aside),
                Install(
                    "deliveries",
                    "partition",
                    "append",
                    "claimable",
                    "pick",
                    "take",
                    "due_processors",
                ),
                migrations.RunPython(_move),
            ],
            state_operations=[
                migrations.DeleteModel(name="Delivery"),
                migrations.CreateModel(
                    name="Delivery",
                    fields=[*_waiting(null=True), ("event", _event("deliveries"))],
                    options={
                        "db_table": "flowdeck_delivery",
                        "managed": False,
                        "verbose_name_plural": "deliveries",
                    },
                ),
                migrations.CreateModel(
                    name="Due",
                    fields=[*_waiting(), ("event", _event())],
                    options={"verbose_name_plural": "due"},
                ),
                migrations.CreateModel(
                    name="Done",
                    fields=[
                        _key(),
                        ("processor", models.CharField(max_length=64)),
                        ("attempts", models.PositiveSmallIntegerField(db_default=0)),
                        ("retried", models.PositiveSmallIntegerField(db_default=0)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("finished_at", models.DateTimeField(null=True)),
                        ("letter", models.BigIntegerField(null=True)),
                        ("fingerprint", models.CharField(db_default="", max_length=32)),
                        ("event", _event()),
                    ],
                    options={"verbose_name_plural": "done"},
                ),
                migrations.CreateModel(
                    name="DeadLetter",
                    fields=[
                        ("letter", models.BigIntegerField(primary_key=True, serialize=False)),
                        ("processor", models.CharField(max_length=64)),
                        ("key", models.CharField(max_length=200)),
                        ("state", _state()),
                        ("attempts", models.PositiveSmallIntegerField(db_default=0)),
                        ("started_at", models.DateTimeField(null=True)),
                        ("finished_at", models.DateTimeField(null=True)),
                        ("fingerprint", models.CharField(db_default="", max_length=32)),
                        ("retried", models.PositiveSmallIntegerField(db_default=0)),
                        ("event", _event()),
                    ],
                    options={"db_table": "flowdeck_delivery", "managed": False},
                ),
                migrations.AddField(
                    model_name="attempt",
                    name="delivery",
                    field=models.ForeignObject(
                        from_fields=("event", "processor"),
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="failures",
                        to="flowdeck.delivery",
                        to_fields=("event", "processor"),
                    ),
                ),
            ],
        ),
    ]
