from django.apps import AppConfig

from benchmarks.live import counting


class FlowConfig(AppConfig):
    name = "benchmarks.flow"
    label = "flow"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        counting.install()
