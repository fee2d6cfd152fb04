"""The pages of people, a file for each errand."""

from portal.people.routes import devices, entering, proving, resetting, second_step, speaking, team

HANDLERS = (
    *entering.HANDLERS,
    *devices.HANDLERS,
    *proving.HANDLERS,
    *second_step.HANDLERS,
    *resetting.HANDLERS,
    *team.HANDLERS,
    *speaking.HANDLERS,
)
