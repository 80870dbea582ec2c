"""`/v1/reports`: citizens' field reports, from the phone to the street and back."""

from fastapi import APIRouter, Depends

from app.routers.dependencies import refuse_unknown_parameters
from app.routers.exact import ExactRoute
from app.routers.reports import citizens, finding, handling, maps, rules, sending

router = APIRouter(tags=["reports"], route_class=ExactRoute, dependencies=[Depends(refuse_unknown_parameters)])
for _part in (rules, sending, maps, finding, handling, citizens):
    router.include_router(_part.router)
