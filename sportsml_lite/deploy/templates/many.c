/* Loops around student.h, so that a caller in another language crosses over once. */
#include "student.h"

#include <stddef.h>

size_t many_state_bytes(void)
{
    return sizeof(student_state);
}

void many_windows(student_state *s, int n, const float x[][STUDENT_SAMPLES][STUDENT_CHANNELS],
                  float logits[][STUDENT_CLASSES], float features[][STUDENT_FEATURES])
{
    for (int i = 0; i < n; i++) {
        student_window(s, x[i], logits[i]);
        student_features(s, features[i]);
    }
}

/* Returns how many answers there are. */
int many_samples(student_state *s, int n, const float x[][STUDENT_CHANNELS],
                 float logits[][STUDENT_CLASSES])
{
    int steps = 0;

    for (int t = 0; t < n; t++)
        steps += student_push(s, x[t], logits[steps]);
    return steps;
}
