"""Addresses of lists, contacts, profile fields, external events and imports."""

from django.urls import path

from contacts.views import contacts, erasing, events, fields, imports, lists, segment_com

LIST = "a/<slug:account>/lists/<int:list_id>/"
SEGMENT = "a/<slug:account>/integrations/segment/"

app_name = "contacts"
urlpatterns = [
    path("a/<slug:account>/lists/", lists.lists, name="lists"),
    path("a/<slug:account>/lists/new/", lists.new_list, name="new_list"),
    path(f"{LIST}edit/", lists.edit_list, name="edit_list"),
    path(f"{LIST}contacts/", contacts.contacts, name="contacts"),
    path(f"{LIST}contacts/new/", contacts.new_contact, name="new_contact"),
    path(f"{LIST}contacts/<int:contact_id>/edit/", contacts.edit_contact, name="edit_contact"),
    path(f"{LIST}contacts/<int:contact_id>/erase/", erasing.erase_contact, name="erase_contact"),
    path(f"{LIST}contacts/<int:contact_id>/raise-event/", contacts.raise_event, name="raise_event"),
    path(f"{LIST}contacts/<int:contact_id>/unsubscribe/", contacts.unsubscribe, name="unsubscribe"),
    path(f"{LIST}contacts/<int:contact_id>/subscribe/", contacts.resubscribe, name="resubscribe"),
    path(f"{LIST}fields/", fields.fields, name="fields"),
    path(f"{LIST}fields/new-group/", fields.new_group, name="new_group"),
    path(f"{LIST}fields/groups/<int:group_id>/", fields.group, name="group"),
    path(f"{LIST}fields/groups/<int:group_id>/new-field/", fields.new_field, name="new_field"),
    path(f"{LIST}fields/<int:field_id>/", fields.field, name="field"),
    path(f"{LIST}events/", events.events, name="events"),
    path(f"{LIST}events/new/", events.new_event, name="new_event"),
    path(f"{LIST}events/<int:event_id>/", events.event, name="event"),
    path(f"{LIST}events/<int:event_id>/block/", events.block_event, name="block_event"),
    path(f"{LIST}events/<int:event_id>/unblock/", events.unblock_event, name="unblock_event"),
    path(f"{LIST}imports/", imports.imports, name="imports"),
    path(f"{LIST}imports/new/", imports.new_import, name="new_import"),
    path(f"{LIST}imports/<int:import_id>/", imports.show_import, name="import"),
    path(f"{LIST}imports/<int:import_id>/start/", imports.start_import, name="start_import"),
    path(f"{LIST}imports/<int:import_id>/read-again/", imports.read_again, name="read_again"),
    path(f"{LIST}imports/<int:import_id>/rejects.csv", imports.rejects, name="rejects"),
    path(SEGMENT, segment_com.segment, name="segment_com"),
    path(f"{SEGMENT}key/", segment_com.new_key, name="new_write_key"),
    path(f"{SEGMENT}mappings/new/", segment_com.new_mapping, name="new_mapping"),
    path(f"{SEGMENT}mappings/values/", segment_com.mapping_values, name="mapping_values"),
    path(f"{SEGMENT}mappings/<int:mapping_id>/", segment_com.mapping, name="segment_mapping"),
    path(
        f"{SEGMENT}mappings/<int:mapping_id>/delete/",
        segment_com.delete_mapping,
        name="delete_mapping",
    ),
    path(
        f"{SEGMENT}mappings/<int:mapping_id>/restore/",
        segment_com.restore_mapping,
        name="restore_mapping",
    ),
]
