#include "peer/socketio_session.h"
static const struct sio_verb verbs[] = {{NULL, NULL, false, false}};
const struct sio_vocabulary vocabulary_inventory __attribute__((weak)) = {"inventory", verbs, &dialect_undecided, false};
const struct sio_vocabulary vocabulary_projects __attribute__((weak)) = {"projects", verbs, &dialect_undecided, true};
