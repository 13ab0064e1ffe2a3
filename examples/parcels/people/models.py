"""Who signs in: by e-mail, with a key that is no number."""

import uuid
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class People(BaseUserManager["Person"]):
    """Makes them."""

    def create_user(self, email: str, password: str | None = None, **more: Any) -> "Person":
        """A person who may sign in."""
        person = self.model(email=self.normalize_email(email), **more)
        person.set_password(password)
        person.save()
        return person

    def create_superuser(self, email: str, password: str | None = None, **more: Any) -> "Person":
        """One who may do everything."""
        return self.create_user(email, password, is_superuser=True, **more)


class Person(AbstractBaseUser, PermissionsMixin):
    """Whoever signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(max_length=320, unique=True)
    USERNAME_FIELD = "email"
    objects = People()

    @property
    def is_staff(self) -> bool:
        """Whether the admin is open to them."""
        return self.is_superuser
