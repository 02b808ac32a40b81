"""Signs of life of the processes; rows of no account."""

from django.db import models


class Heartbeat(models.Model):
    """When a part of the deployment (web, worker, pulse, a sender) last beat."""

    part = models.CharField(max_length=80, unique=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.part


class RateCount(models.Model):
    """How often a caller called since its window began; a row of no account."""

    key = models.CharField(max_length=120, unique=True)
    started_at = models.DateTimeField()
    count = models.IntegerField()

    def __str__(self) -> str:
        return self.key
