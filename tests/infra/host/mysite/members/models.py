"""A user model of the host's own."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Members(BaseUserManager):
    """Makes them."""

    def create_user(self, email, password=None, **more):
        member = self.model(email=email, **more)
        member.set_password(password)
        member.save()
        return member

    def create_superuser(self, email, password, **more):
        return self.create_user(email, password, is_superuser=True, **more)


class Member(AbstractBaseUser, PermissionsMixin):
    """Whoever signs in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(max_length=320, unique=True)
    USERNAME_FIELD = "email"
    objects = Members()

    @property
    def is_staff(self):
        return self.is_superuser
