"""Convert items as soon as they are completed: a trigger for the app's service.

    python app/trigger.py PROJECT                 masks beside the polygons
    python app/trigger.py PROJECT --delete-source the polygons go, once masks and backup are proven

It needs a login with dtlpy, and the app installed in the project (`docs/dataloop-app.md`). The platform
delivers an event at least once, and an item may be completed again after its polygons were mended: so the
trigger runs always, and the app decides from what is stored.
"""

import argparse
from typing import Any

import dtlpy as dl

SERVICE, FUNCTION = "polymask-service", "convert_item"
STATUS = "metadata.system.refs.metadata.status"  # what a task says of an item


def on_completion(service: Any, project_id: str, *, delete_source: bool = False) -> Any:
    """Create the trigger, and return it: an item's status was changed, to completed or approved."""
    return service.triggers.create(
        name="polymask-on-completion",
        project_id=project_id,
        function_name=FUNCTION,
        resource=dl.TriggerResource.ITEM_STATUS,
        actions=[dl.TriggerAction.UPDATED],
        execution_mode=dl.TriggerExecutionMode.ALWAYS,
        filters={"$and": [{"hidden": False}, {"type": "file"}, {STATUS: {"$in": ["completed", "approved"]}}]},
        inputs={"delete_source": delete_source},
    )


def main() -> None:
    """Create the trigger in a project."""
    parser = argparse.ArgumentParser(description="Convert items as soon as they are completed.")
    parser.add_argument("project")
    parser.add_argument("--delete-source", action="store_true")
    asked = parser.parse_args()
    project = dl.projects.get(project_name=asked.project)
    service = project.services.get(service_name=SERVICE)
    trigger = on_completion(service, project.id, delete_source=asked.delete_source)
    print(f"trigger {trigger.name}: {trigger.id}")  # noqa: T201 - its only output


if __name__ == "__main__":
    main()
