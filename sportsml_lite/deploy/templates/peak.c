/* As many multiplications with an addition as a core can do: 96 sums, enough of them that none
 * waits for the other, and no memory. A turn is 96,000 of them. */
void peak(int turns, float *v, float a, float b)
{
    float s[96];
    for (int i = 0; i < 96; i++) s[i] = v[i];
    for (int t = 0; t < turns * 1000; t++)
        for (int i = 0; i < 96; i++) s[i] = s[i] * a + b;
    for (int i = 0; i < 96; i++) v[i] = s[i];
}
