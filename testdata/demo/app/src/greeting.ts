/** What the application says first. */
export function greeting(name: string): string {
  return `Hello, ${name}!`;
}
