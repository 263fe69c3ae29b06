/* Users as REST prints them. */
#include "peer/rest/rest.h"

#include "collab/room/color.h"

void rest_write_user(struct buf *out, const char *key, const struct identity *identity)
{
    struct color color = color_at(color_preferred(identity->user_id));
    json_append_key(out, key);
    buf_append_char(out, '{');
    json_member_id(out, "id", identity->user_id);
    json_member_string(out, "username", identity->username);
    json_member_string(out, "name", identity->name);
    json_member_text(out, "avatar", identity->avatar);
    json_append_key(out, "roles");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < identity->role_count; i++) {
        if (i)
            buf_append_char(out, ',');
        json_append_string(out, identity->roles[i]);
    }
    buf_append_char(out, ']');
    json_member_string(out, "color", color_span(&color));
    buf_append_char(out, '}');
}
