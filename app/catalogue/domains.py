"""Switch domains on and off."""

from dataclasses import replace

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app import models
from app.catalogue.catalogue import Domain
from app.changes import announce


async def switch_domain(session: AsyncSession, domain: Domain, *, active: bool) -> Domain:
    """A district has 24 of the 27 domains: those it lacks leave the lists and take no readings."""
    if domain.active != active:
        await session.execute(update(models.Domain).where(models.Domain.id == domain.id).values(active=active))
        await announce(session, "catalogue")
    return replace(domain, active=active)
